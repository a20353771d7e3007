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
  for (std::size_t i = 0; i < scenario.policies.size(); ++i)
    setup.policies.push_back(build_again(scenario, setup, i));
  return setup;
}

std::shared_ptr<Policy> build_again(const Scenario& scenario, const Setup& setup,
                                    std::size_t index) {
  const PolicySpec& spec = scenario.policies[index];
  PolicyContext context{setup.world->schema(), setup.rng, nullptr, {}};
  if (policies().at(spec.plugin.type).needs_truth) context.user_model = setup.users.get();
  for (std::size_t i = 0; i < index; ++i)
    context.others[scenario.policies[i].name] = setup.policies[i];
  return make_policy(spec.plugin.node, spec.plugin.source, context);
}

}  // namespace rehearsal
