#pragma once

#include <memory>
#include <string>
#include <vector>

#include "scenarios/scenario.h"
#include "sim/core/rng.h"
#include "sim/policy.h"
#include "sim/user_model.h"
#include "sim/world/world.h"

namespace rehearsal {

/// The objects of a scenario, built and untrained. Policies refer to the world and the users, so
/// they go first.
struct Setup {
  Rng rng;  // the scenario's seed
  std::unique_ptr<World> world;
  std::unique_ptr<UserModel> users;
  std::vector<std::shared_ptr<Policy>> policies;  // in the order of the scenario
};

/// Builds everything; with parse_scenario, all that can be said about a scenario before it runs.
/// Raises: Error(kInput) for what a plug-in refuses.
Setup build(const Scenario& scenario);

/// A policy of the scenario once more, untrained; those it refers to are the setup's.
/// Args: index: into the scenario's policies.
std::shared_ptr<Policy> build_again(const Scenario& scenario, const Setup& setup,
                                    std::size_t index);

}  // namespace rehearsal
