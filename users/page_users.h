#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <vector>

#include "sim/user_model.h"
#include "users/click_model.h"

namespace rehearsal {

/// Keys of a click model as users of a scenario: its own, then `attraction`, `after_click` and
/// `over_time`.
std::vector<FieldDescription> describe_page_users(const ClickModelEntry& clicks);

/// The keys of `users:` that are the click model's own, without those three.
YAML::Node click_model_keys(const YAML::Node& users);

/// Users who browse pages as a click model says, over a world of type catalogue: items attract by
/// how they match the user, clicks are followed by dwell, reactions and purchases, and the user
/// changes over time. Raises: Error(kInput) when the world cannot carry it.
std::unique_ptr<UserModel> make_page_users(const ClickModelEntry& clicks,
                                           const PluginConfig& plugin, const World& world,
                                           const Rng& rng);

/// A click model's line in users.cc.
template <ClickModelEntry (*kClicks)()>
UserModelEntry page_users() {
  const ClickModelEntry clicks = kClicks();
  return {clicks.name, clicks.summary, clicks.source, [] { return describe_page_users(kClicks()); },
          [](const PluginConfig& plugin, const World& world, const Rng& rng) {
            return make_page_users(kClicks(), plugin, world, rng);
          }};
}

}  // namespace rehearsal
