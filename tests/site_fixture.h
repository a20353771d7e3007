#pragma once

#include <yaml-cpp/yaml.h>

#include <memory>
#include <string>
#include <vector>

#include "sim/truth.h"
#include "sim/user_model.h"
#include "sim/world/world.h"
#include "users/users.h"

namespace rehearsal {

/// A world and its users from YAML, for tests.
struct Site {
  explicit Site(const std::string& type, const std::string& world_yaml = "{users: 50, items: 60}",
                const std::string& users_yaml = "{}", const std::string& users_type = "") {
    const Rng rng(3);
    const YAML::Node world_node = YAML::Load(world_yaml);
    const YAML::Node users_node = YAML::Load(users_yaml);
    world = worlds().at(type).make(PluginConfig{world_node, {"world.yaml", "world"}}, rng);
    users = user_models()
                .at(users_type.empty() ? type : users_type)
                .make(PluginConfig{users_node, {"users.yaml", "users"}}, *world, rng);
  }

  /// Requests of these turns whose users' states are the rows of `state`.
  RequestBatch requests(const std::vector<Turn>& turns, const RowMatrix& state) const {
    RequestBatch out;
    world->requests(turns, Rng(1), out);
    auto latents =
        out.latents ? std::make_shared<Latents>(*out.latents) : std::make_shared<Latents>();
    latents->state = state;
    out.latents = std::move(latents);
    users->observe(out);
    return out;
  }
  /// States at the start of users 0 ... n - 1.
  RowMatrix start(std::uint32_t n) const {
    std::vector<UserId> ids;
    for (std::uint32_t u = 0; u < n; ++u) ids.push_back({u});
    RowMatrix state(n, static_cast<Eigen::Index>(users->n_state()));
    users->start(ids, Rng(1), state);
    return state;
  }
  double hidden(const std::string& name, std::uint32_t item) const {
    return world->parameters().at(name).values[item];
  }

  std::unique_ptr<World> world;
  std::unique_ptr<UserModel> users;
};

/// One list a round: the same items for all.
inline PageBatch lists_of(std::size_t n_rounds, const std::vector<std::uint32_t>& items) {
  PageBatch pages;
  for (std::size_t i = 0; i < n_rounds; ++i) {
    pages.module.push_back(0);
    pages.item.insert(pages.item.end(), items.begin(), items.end());
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
    pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
  }
  return pages;
}

}  // namespace rehearsal
