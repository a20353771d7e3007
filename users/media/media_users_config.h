#pragma once

#include <cstdint>

#include "sim/core/fields.h"

namespace rehearsal {

/// How the users of a domain of media behave. x = z' P q / sqrt(dimensions) is the liking of a user
/// z for an item q, b the item's quality; an effect of 0 is none.
struct MediaUsersConfig {
  double drift = 1;
  double discovery_drift = 0.8;
  double quality = 1;
  double click = -1.2;
  double visit_effect = 0;
  double row_effect = 0;
  double position_effect = 0;
  double shelf_effect = 0;
  double repeat_effect = 0;
  double mood_effect = 0;
  double continued = 0.2;
  double continued_quality = 0.5;
  double discovery = 0.5;
  double seconds = 4.5;
  double seconds_liking = 0.4;
  double seconds_quality = 0.3;
  double seconds_place = 0;
  double seconds_repeat = 0;
  double seconds_noise = 0.8;
  double plays = -1.0;
  double plays_liking = 0.7;
  std::int64_t session_rounds = 1;

  Fields fields();
};

}  // namespace rehearsal
