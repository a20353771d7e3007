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
struct ItemPage {
  explicit ItemPage(const std::string& world_yaml = "{users: 500, items: 2000, categories: 8}",
                    const std::string& users_yaml = "{}", std::uint64_t world_seed = 3) {
    const Rng rng(world_seed);
    const YAML::Node world_node = YAML::Load(world_yaml);
    const YAML::Node users_node = YAML::Load(users_yaml);
    world = worlds().at("item_page").make(PluginConfig{world_node, {"world.yaml", "world"}}, rng);
    users = user_models()
                .at("item_page")
                .make(PluginConfig{users_node, {"users.yaml", "users"}}, *world, rng);
  }

  std::unique_ptr<World> world;
  std::unique_ptr<UserModel> users;
};

/// The first `n_slots` eligible modules in a fixed cyclic order that starts at module `start`,
/// items as retrieved.
inline PageBatch fixed_pages(const RequestBatch& requests, std::size_t start,
                             std::size_t n_modules) {
  PageBatch pages;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::size_t shown = 0;
    for (std::size_t step = 0; step < n_modules && shown < requests.n_slots[i]; ++step) {
      const std::size_t wanted = (start + step) % n_modules;
      for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e) {
        if (requests.module[e] != wanted) continue;
        pages.module.push_back(requests.module[e]);
        for (std::uint32_t c = requests.candidate_offsets[e]; c < requests.candidate_offsets[e + 1];
             ++c)
          pages.item.push_back(requests.candidate[c]);
        pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
        ++shown;
      }
    }
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
  }
  return pages;
}

/// Turns of users 0 .. n - 1.
inline std::vector<Turn> turns_of(std::uint32_t n, std::uint16_t session = 0,
                                  std::uint16_t round = 0) {
  std::vector<Turn> turns;
  for (std::uint32_t user = 0; user < n; ++user) turns.push_back({UserId{user}, session, round});
  return turns;
}

}  // namespace rehearsal
