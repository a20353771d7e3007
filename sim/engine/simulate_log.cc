#include <algorithm>
#include <atomic>
#include <numeric>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"
#include "sim/engine/simulate.h"
#include "sim/truth.h"

namespace rehearsal {

namespace {

/// A shard's fixed range of users.
struct UserRange {
  std::uint32_t first = 0;
  std::uint32_t n = 0;
};

std::vector<UserRange> shards_of(const RoundBudget& budget, std::size_t shard_rounds) {
  const std::uint64_t most = std::max<std::uint64_t>(budget.rounds_of(0), 1);
  const std::uint64_t n_users = std::max<std::uint64_t>(shard_rounds / most, 1);
  std::vector<UserRange> shards;
  for (std::uint64_t first = 0; first < budget.n_users; first += n_users) {
    const std::uint64_t n = std::min<std::uint64_t>(n_users, budget.n_users - first);
    // Users beyond the budget's last round have nothing to say.
    if (budget.rounds_of(static_cast<std::uint32_t>(first)) == 0) break;
    shards.push_back({static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(n)});
  }
  return shards;
}

struct Shard {
  LogBatch log;
  TruthBatch truth;
};

/// The rounds of a range of users, ordered by user and, for each, as they were played.
Shard play_shard(const World& world, const UserModel& users, const Policy& behavior, const Rng& rng,
                 const UserRange& range, const RoundBudget& budget,
                 const SimulateOptions& options) {
  Shard played;
  play(world, users, behavior, rng, range.first, range.n, budget, options.first_session,
       options.batch_rounds, true, [&](Played& batch, TruthBatch& truth) {
         append(batch.requests, played.log.requests);
         append(batch.pages, played.log.pages);
         append(batch.propensities, played.log.propensities);
         append(batch.responses, played.log.responses);
         append(truth, played.truth);
       });
  std::vector<std::uint32_t> rows(played.log.size());
  std::iota(rows.begin(), rows.end(), 0u);
  const std::vector<std::uint32_t>& user = played.log.requests.user;
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return user[a] < user[b]; });
  const PageBatch& pages = played.log.pages;
  Shard sorted;
  sorted.log.requests = gather(played.log.requests, rows);
  sorted.log.propensities = gather(played.log.propensities, pages, rows);
  sorted.log.responses = gather(played.log.responses, pages, rows);
  sorted.truth = gather(played.truth, pages, rows);
  sorted.log.pages = gather(pages, rows);
  return sorted;
}

}  // namespace

LogInfo simulate_log(const World& world, const UserModel& users, const Policy& behavior,
                     const Rng& rng, const SimulateOptions& options,
                     const std::filesystem::path& folder, LogInfo info) {
  if (options.n_rounds == 0) throw Error(ErrorKind::kInput, "a log of 0 rounds: simulate some");
  const RoundBudget budget{options.n_rounds, world.n_users()};
  const std::vector<UserRange> shards = shards_of(budget, options.shard_rounds);
  LogWriter writer(folder, world.schema(), std::move(info));
  std::atomic<std::size_t> n_done{0};
  parallel_for(shards.size(), options.threads, [&](std::size_t s) {
    const Shard shard = play_shard(world, users, behavior, rng, shards[s], budget, options);
    writer.write_shard(s, shards[s].first, shards[s].n, shard.log, &shard.truth);
    if (options.progress == nullptr) return;
    const double done = static_cast<double>(++n_done) / static_cast<double>(shards.size());
    options.progress->update("simulate log", done, "");
  });
  return writer.finish();
}

}  // namespace rehearsal
