#include "sim/world/media_config.h"

#include <string>

namespace rehearsal {

Fields MediaConfig::fields() {
  return Fields()
      .add("users", users, 1, 16'000'000, "users, the same in every domain")
      .add("items", items, 2, 16'000'000, "items, the same in every domain")
      .add("artists", artists, 1, 60'000, "makers of the items")
      .add("dimensions", dimensions, 1, 100, "length of the hidden tastes")
      .add("artist_share", artist_share, 0, 1, "share of an item's spread that its artist explains")
      .add("observed", observed, 0, 100,
           "leading numbers of users' and items' hidden tastes that policies see, with noise")
      .add("signal", signal, 0, 1, "correlation of what policies see with what is hidden")
      .add("visit_features", visit_features, 0, 100, "features of a visit that this domain records")
      .add("mood", mood, "whether sessions have a mood, of which policies see a part")
      .add("mood_signal", mood_signal, 0, 1, "correlation of the feature 'mood' with the mood")
      .add("history", history, "whether it is known how often a user played an artist")
      .add("modules", modules, 1, 1000, "shelves that may be shown")
      .add("slots", slots, 1, 1000, "shelves that a page shows")
      .add("candidates", candidates, 1, 4095, "items that a shelf retrieves, drawn anew each time")
      .add("positions", positions, 1, 4095, "items that a shelf shows")
      .add("days", days, 1, 10000, "days that the log lasts; live visits come after it")
      .add("visit_days", visit_days, 1, 10000, "days from one visit of a user to the next")
      .add("new_items", new_items, 0, 0.9, "share of the items released in the log's last tenth")
      .add("new_candidates", new_candidates, 0, 1,
           "share of the items retrieved that are such releases, once they are out")
      .add("new_days", new_days, 1, 60000, "days for which a release is new");
}

void MediaConfig::check(const PluginConfig& plugin) const {
  const auto more = [&](const char* key, std::int64_t value, const char* than, std::int64_t limit) {
    if (value > limit)
      plugin.refuse(key,
                    std::to_string(value) + " is more than " + than + ", " + std::to_string(limit));
  };
  more("slots", slots, "modules", modules);
  more("positions", positions, "candidates", candidates);
  more("observed", observed, "dimensions", dimensions);
  more("candidates", n_retrieved(), "the items that are there from the start, for all modules",
       items - n_new());
  if (visit_days * 2 > days && visit_days > 1)
    plugin.refuse("visit_days", std::to_string(visit_days) + " is more than half of days, " +
                                    std::to_string(days));
}

}  // namespace rehearsal
