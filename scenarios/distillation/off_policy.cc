#include "scenarios/distillation/off_policy.h"

#include "analysis/evaluate.h"
#include "analysis/live_statistics.h"
#include "sim/core/version.h"
#include "sim/engine/live.h"
#include "sim/engine/simulate.h"

namespace rehearsal {

namespace {

void write_log(const Domain& domain, const std::string& name, const Policy& logging,
               std::uint64_t n_rounds, const std::filesystem::path& folder,
               const RunOptions& options) {
  LogInfo info;
  info.name = domain.spec->name;
  info.seed = domain.live_rng.seed();
  info.version = version();
  info.behavior_policy = name;
  SimulateOptions how;
  how.n_rounds = n_rounds;
  how.shard_rounds = static_cast<std::size_t>(domain.spec->shard_pages);
  how.first_session = kLiveSession;
  how.threads = options.threads;
  how.progress = options.progress;
  simulate_log(*domain.live_world, *domain.live_users, logging, domain.live_rng, how, folder,
               std::move(info));
}

void estimate(const Domain& domain, const std::vector<FrozenArm>& arms, std::size_t control,
              const Policy& logging, const OffPolicyStep& step, const LogReader& log,
              const RunOptions& options) {
  EvaluateOptions how;
  how.metrics = step.metrics;
  how.estimators = step.estimators;
  how.confidence = step.confidence;
  how.threads = options.threads;
  how.progress = options.progress;
  std::vector<Candidate> candidates;
  for (const FrozenArm& arm : arms) candidates.push_back({arm.name, arm.policy});
  auto estimates =
      evaluate(log, candidates, &logging, static_cast<int>(control), domain.live_rng, how);
  for (std::size_t a = 0; a < arms.size(); ++a) {
    for (Estimate& own : estimates[a]) own.metric += kFrozen;
    arms[a].result->estimates = std::move(estimates[a]);
  }
}

void measure(const Domain& domain, const std::vector<FrozenArm>& arms, std::size_t control,
             const OffPolicyStep& step, std::uint64_t n_rounds, const RunOptions& options) {
  LiveOptions how;
  how.n_rounds = n_rounds;
  how.metrics = step.metrics;
  how.threads = options.threads;
  how.progress = options.progress;
  std::vector<const Policy*> served;
  for (const FrozenArm& arm : arms) served.push_back(arm.policy);
  std::vector<std::uint32_t> rounds;
  std::vector<LiveSums> sums;
  for (LiveOutcome& outcome :
       run_live(*domain.live_world, *domain.live_users, served, domain.live_rng, how, &rounds))
    sums.push_back({std::move(outcome.exact), std::move(outcome.sampled)});
  std::vector<std::string> names;
  for (const std::string& metric : step.metrics) names.push_back(metric + kFrozen);
  std::vector<PolicyResult> found(arms.size());
  live_statistics(sums, rounds, ab_arms(rounds.size(), domain.live_rng), names, control,
                  step.confidence, found);
  for (std::size_t a = 0; a < arms.size(); ++a) {
    arms[a].result->live.merge(found[a].live);
    arms[a].result->lift.merge(found[a].lift);
  }
}

}  // namespace

void score_off_policy(const Domain& domain, const std::vector<FrozenArm>& arms, std::size_t control,
                      const Policy& logging, const OffPolicyStep& step, std::uint64_t n_rounds,
                      const std::filesystem::path& folder, const RunOptions& options) {
  write_log(domain, arms[control].name, logging, n_rounds, folder, options);
  estimate(domain, arms, control, logging, step, LogReader(folder), options);
  measure(domain, arms, control, step, n_rounds, options);
}

}  // namespace rehearsal
