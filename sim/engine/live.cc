#include "sim/engine/live.h"

#include <algorithm>
#include <atomic>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"
#include "sim/engine/simulate.h"
#include "sim/metrics.h"
#include "sim/truth.h"

namespace rehearsal {

namespace {

// Rounds of the range of users that one task plays under every policy.
constexpr std::uint64_t kTaskRounds = 8192;

/// The user model has closed forms of all metrics: tried on one page.
bool closed_forms(const World& world, const UserModel& users, const Policy& policy, const Rng& rng,
                  const std::vector<const Metric*>& measured) {
  bool all = true;
  const RoundBudget one{1, world.n_users()};
  play(world, users, policy, rng, 0, 1, one, kLiveSession, 1, false,
       [&](Played& played, TruthBatch&) {
         const ExpectedBatch expected = users.expected(played.requests, played.pages);
         std::vector<double> values;
         for (const Metric* metric : measured)
           all = all && slot_expectations(*metric, expected, played.pages, values);
       });
  return all;
}

}  // namespace

void add_played(const Played& played, const UserModel& users,
                const std::vector<const Metric*>& measured, LiveOutcome& outcome) {
  std::vector<double> sampled, exact;
  const bool with_exact = outcome.exact.size() > 0;
  const ExpectedBatch expected =
      with_exact ? users.expected(played.requests, played.pages) : ExpectedBatch{};
  for (std::size_t j = 0; j < measured.size(); ++j) {
    const auto column = static_cast<Eigen::Index>(j);
    slot_rewards(*measured[j], played.responses, played.pages, sampled);
    if (with_exact) REHEARSAL_CHECK(slot_expectations(*measured[j], expected, played.pages, exact));
    for (std::size_t i = 0; i < played.requests.size(); ++i) {
      const std::uint32_t user = played.requests.user[i];
      for (std::size_t k = played.pages.slot_offsets[i]; k < played.pages.slot_offsets[i + 1];
           ++k) {
        outcome.sampled(user, column) += sampled[k];
        if (with_exact) outcome.exact(user, column) += exact[k];
      }
    }
  }
}

std::vector<LiveOutcome> run_live(const World& world, const UserModel& users,
                                  const std::vector<const Policy*>& policies, const Rng& rng,
                                  const LiveOptions& options,
                                  std::vector<std::uint32_t>* rounds_of_user) {
  REHEARSAL_CHECK(!policies.empty() && options.n_rounds > 0);
  std::vector<const Metric*> measured;
  for (const std::string& name : options.metrics) measured.push_back(&metrics().at(name));
  const RoundBudget budget{options.n_rounds, world.n_users()};
  const bool exact = closed_forms(world, users, *policies[0], rng, measured);
  std::vector<LiveOutcome> outcomes(policies.size());
  for (LiveOutcome& outcome : outcomes) {
    outcome.sampled.setZero(budget.n_users, static_cast<Eigen::Index>(measured.size()));
    if (exact) outcome.exact = outcome.sampled;
  }
  if (rounds_of_user != nullptr) {
    rounds_of_user->resize(budget.n_users);
    for (std::uint32_t u = 0; u < budget.n_users; ++u) (*rounds_of_user)[u] = budget.rounds_of(u);
  }
  // Only the first users have rounds when there are fewer rounds than users.
  const std::uint64_t n_active = std::min<std::uint64_t>(budget.n_users, options.n_rounds);
  const std::uint64_t step = std::max<std::uint64_t>(1, kTaskRounds * n_active / options.n_rounds);
  const std::uint64_t n_tasks = (n_active + step - 1) / step;
  std::atomic<std::uint64_t> done{0};
  parallel_for(n_tasks, options.threads, [&](std::size_t task) {
    const std::uint64_t first = task * step;
    const std::uint64_t n = std::min(step, n_active - first);
    for (std::size_t p = 0; p < policies.size(); ++p)
      play(world, users, *policies[p], rng, static_cast<std::uint32_t>(first),
           static_cast<std::uint32_t>(n), budget, kLiveSession, options.batch_rounds, false,
           [&](Played& played, TruthBatch&) { add_played(played, users, measured, outcomes[p]); });
    const double fraction = static_cast<double>(++done) / static_cast<double>(n_tasks);
    if (options.progress != nullptr) options.progress->update("live experiment", fraction, "");
  });
  return outcomes;
}

}  // namespace rehearsal
