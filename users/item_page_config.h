#pragma once

#include <cstdint>
#include <vector>

#include "sim/core/fields.h"

namespace rehearsal {

/// Configuration of the users `item_page`; see fields() for what each is.
struct ItemPageUsersConfig {
  std::vector<double> desktop{1, .70, .52, .40, .31};
  std::vector<double> mobile{1, .62, .42, .30, .21};
  double leave = 0.4;
  double go_on = 0.85;
  double swipe = 0.25;
  std::int64_t window_desktop = 5;
  std::int64_t window_mobile = 3;
  double item_logit = -2.5;
  double item_quality = 0.5;
  double cascade_stop = 0;
  double repeat_discount = 0;
  double substitutes = 0;
  double item_order_effect = 0;

  Fields fields() {
    return Fields()
        .add("desktop", desktop, 0, 1, "probability that each slot is examined, on a desktop")
        .add("mobile", mobile, 0, 1, "probability that each slot is examined, on a mobile device")
        .add("leave", leave, 0, 1, "probability that the session ends after a page")
        .add("go_on", go_on, 0, 1, "probability of going on to the next item of a row")
        .add("swipe", swipe, 0, 1, "probability of swiping at the end of a row's window")
        .add("window_desktop", window_desktop, 1, 64, "items of a row visible at first, desktop")
        .add("window_mobile", window_mobile, 1, 64, "items of a row visible at first, mobile")
        .add("item_logit", item_logit, -20, 20, "click logit of an examined item of mean quality")
        .add("item_quality", item_quality, -10, 10, "its slope on the item's hidden quality")
        .add("cascade_stop", cascade_stop, 0, 1,
             "probability that a user who has purchased reads no further")
        .add("repeat_discount", repeat_discount, 0, 1,
             "share of its attraction that an item loses where a slot above shows it already")
        .add("substitutes", substitutes, 0, 1,
             "share of its attraction that a module loses below one exactly like it; below less "
             "similar ones in proportion to the similarity")
        .add("item_order_effect", item_order_effect, 0, 10,
             "slope of a module's click logit on the log of its row's click probability, relative "
             "to a row of items of mean quality");
  }
};

}  // namespace rehearsal
