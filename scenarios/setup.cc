#include "scenarios/setup.h"

#include "analysis/segments.h"
#include "policies/policies.h"
#include "users/users.h"

namespace rehearsal {

Setup build(const Scenario& scenario) {
  Setup setup{Rng(static_cast<std::uint64_t>(scenario.seed)), nullptr, nullptr, {}};
  // What a world and its users are is fixed by the world's seed, what happens in it by the
  // scenario's.
  const Rng world_rng(static_cast<std::uint64_t>(scenario.world_seed));
  setup.world = worlds().at(scenario.world.type).make(scenario.world.config(), world_rng);
  segment_features(setup.world->schema(), scenario.estimate.segments, "estimate.segments");
  setup.users =
      user_models().at(scenario.users.type).make(scenario.users.config(), *setup.world, world_rng);
  PolicyContext context{setup.world->schema(), setup.rng, nullptr, {}};
  for (const PolicySpec& spec : scenario.policies) {
    const bool oracle = policies().at(spec.plugin.type).needs_truth;
    context.user_model = oracle ? setup.users.get() : nullptr;
    std::shared_ptr<Policy> policy = make_policy(spec.plugin.node, spec.plugin.source, context);
    context.others[spec.name] = policy;
    setup.policies.push_back(std::move(policy));
  }
  return setup;
}

}  // namespace rehearsal
