#include "scenarios/distillation/domains.h"

#include <algorithm>
#include <mutex>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/engine/parallel.h"
#include "sim/engine/simulate.h"
#include "sim/truth.h"
#include "users/users.h"

namespace rehearsal {

namespace {

constexpr std::size_t kBatchRounds = 1024;

// What a domain's luck is for.
enum class Luck : std::uint16_t { kLog, kLive, kTest };

/// A seed of its own for every domain and purpose: the address of a draw does not say which domain
/// it is of, and a teacher must not meet the students' luck.
Rng luck_of(std::int64_t seed, std::size_t domain, Luck luck, std::uint16_t run = 0) {
  Stream stream = Rng(static_cast<std::uint64_t>(seed))
                      .stream(Draw::kAssignment, {UserId{static_cast<std::uint32_t>(domain)},
                                                  static_cast<std::uint16_t>(luck), run});
  const std::uint64_t high = stream();
  return Rng(high << 32 | stream());
}

void check_shared(const std::vector<Domain>& domains) {
  const Domain& first = domains.front();
  for (const Domain& domain : domains)
    if (domain.world->n_users() != first.world->n_users() ||
        domain.world->schema().n_items != first.world->schema().n_items)
      domain.spec->world.config().refuse(
          "users", "worlds '" + domain.spec->name + "' and '" + first.spec->name +
                       "' must have as many users and items as each other");
}

}  // namespace

std::shared_ptr<Policy> ranker_of(const PluginSpec& spec, const std::string& name,
                                  const Domain& domain) {
  // Arms share parts of the tree, and not even reading a node is safe beside another thread.
  static std::mutex shared_tree;
  YAML::Node own;
  {
    const std::lock_guard lock(shared_tree);
    own = YAML::Clone(spec.node);
  }
  return checked_ranker({spec.type, own, spec.source}, name, domain);
}

std::shared_ptr<Policy> checked_ranker(const PluginSpec& spec, const std::string& name,
                                       const Domain& domain) {
  YAML::Node node = shallow_copy(spec.node);
  node["name"] = name;
  return make_policy(node, spec.source, {domain.world->schema(), domain.live_rng, nullptr, {}});
}

std::vector<Domain> build_domains(const DistillationScenario& scenario) {
  // What the worlds share is fixed by their seed, what happens in them by the scenario's.
  const Rng world_rng(static_cast<std::uint64_t>(scenario.world_seed));
  std::vector<Domain> domains;
  for (const DomainSpec& spec : scenario.worlds) {
    Domain domain;
    domain.spec = &spec;
    domain.rng = luck_of(scenario.seed, domains.size(), Luck::kLog);
    domain.live_rng = luck_of(scenario.seed, domains.size(), Luck::kLive);
    const auto& make_world = worlds().at(spec.world.type).make;
    const auto& make_users = user_models().at(spec.users.type).make;
    domain.world = make_world(spec.world.config(), world_rng);
    domain.users = make_users(spec.users.config(), *domain.world, world_rng);
    domain.live_world = make_world(spec.live_world.config(), world_rng);
    domain.live_users = make_users(spec.users.config(), *domain.live_world, world_rng);
    domain.uniform = ranker_of(
        {"uniform", YAML::Load("{type: uniform, ranker: {type: uniform}}"), {}}, "uniform", domain);
    domains.push_back(std::move(domain));
  }
  check_shared(domains);
  return domains;
}

LogInfo simulate_domain(const Domain& domain, const std::filesystem::path& folder,
                        const RunOptions& options) {
  LogInfo info;
  info.name = domain.spec->name;
  info.seed = domain.rng.seed();
  info.version = version();
  info.behavior_policy = "uniform";
  SimulateOptions how;
  how.n_rounds = static_cast<std::uint64_t>(domain.spec->pages);
  how.shard_rounds = static_cast<std::size_t>(domain.spec->shard_pages);
  how.batch_rounds = kBatchRounds;
  how.threads = options.threads;
  how.progress = options.progress;
  return simulate_log(*domain.world, *domain.users, *domain.uniform, domain.rng, how, folder,
                      std::move(info));
}

std::vector<LogBatch> test_rounds(const Domain& domain, std::uint64_t n_pages,
                                  const RunOptions& options) {
  const auto of_log = static_cast<std::uint64_t>(domain.spec->pages);
  std::vector<LogBatch> runs((n_pages + of_log - 1) / of_log);
  parallel_for(runs.size(), options.threads, [&](std::size_t run) {
    const std::uint64_t n = std::min(of_log, n_pages - run * of_log);
    const Rng rng = luck_of(static_cast<std::int64_t>(domain.rng.seed() >> 1), 0, Luck::kTest,
                            static_cast<std::uint16_t>(run));
    const std::uint32_t n_users = domain.world->n_users();
    play(*domain.world, *domain.users, *domain.uniform, rng, 0, n_users, {n, n_users}, kLiveSession,
         kBatchRounds, false, [&](Played& played, TruthBatch&) {
           append(played.requests, runs[run].requests);
           append(played.pages, runs[run].pages);
           append(played.responses, runs[run].responses);
         });
  });
  return runs;
}

}  // namespace rehearsal
