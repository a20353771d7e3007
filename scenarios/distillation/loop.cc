#include "scenarios/distillation/loop.h"

#include <deque>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"
#include "sim/engine/simulate.h"
#include "sim/metrics.h"
#include "sim/truth.h"

namespace rehearsal {

namespace {

// Item of Draw::kAssignment: whether a round is learnt from (0 is the user's arm).
constexpr std::uint32_t kLearntItem = 1;

/// Serves what was trained last.
class ServedToday final : public Policy {
 public:
  void serve(std::shared_ptr<const Policy> policy) {
    policy_ = std::move(policy);
    set_ranker(policy_->shared_ranker());
  }
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return policy_->distribution(requests);
  }
  PageDistribution page_distribution(const RequestBatch& requests) const override {
    return policy_->page_distribution(requests);
  }
  bool deterministic() const override { return policy_->deterministic(); }

 private:
  std::shared_ptr<const Policy> policy_;
};

/// The first log and the days served since, with their labels.
class GrowingLog {
 public:
  explicit GrowingLog(const Loop& loop) : loop_(loop) {}

  /// A day's rounds; the teachers label them.
  void add(LogBatch day) {
    const std::size_t n = days_.size();
    days_.push_back(std::move(day));
    const RoundSource rounds{loop_.lessons.rounds.schema, 1,
                             [this, n](std::size_t, const Columns&) { return days_[n]; }};
    labels_.push_back(write_labels(loop_.teachers, loop_.domain, rounds,
                                   loop_.folder / ("day_" + std::to_string(n))));
  }

  Lessons lessons() const {
    Lessons out = loop_.lessons;
    const RoundSource& log = loop_.lessons.rounds;
    out.rounds.n_shards = log.n_shards + days_.size();
    out.rounds.read = [this, &log](std::size_t shard, const Columns& columns) {
      return shard < log.n_shards ? log.read(shard, columns) : days_[shard - log.n_shards];
    };
    for (auto& [teacher, labels] : out.labels)
      labels.read = [this, &log, first = labels.read, name = teacher](std::size_t shard) {
        return shard < log.n_shards ? first(shard) : labels_[shard - log.n_shards].at(name).read(0);
      };
    return out;
  }

 private:
  const Loop& loop_;
  std::deque<LogBatch> days_;
  std::deque<Labels> labels_;
};

/// The share of a round's requests that is learnt from, the same for every arm.
std::vector<std::uint32_t> learnt(const RequestBatch& requests, double share, const Rng& rng) {
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < requests.size(); ++i)
    if (rng.stream(Draw::kAssignment, requests.turn(i), kLearntItem).uniform() < share)
      rows.push_back(i);
  return rows;
}

}  // namespace

LiveOutcome close_loop(const Loop& loop, const ArmSpec& arm, std::shared_ptr<Policy> first,
                       const std::string& name) {
  const Domain& domain = loop.domain;
  const std::uint32_t n_users = domain.live_world->n_users();
  std::vector<const Metric*> measured;
  for (const std::string& metric : loop.step.metrics) measured.push_back(&metrics().at(metric));
  LiveOutcome outcome;
  outcome.sampled.setZero(n_users, static_cast<Eigen::Index>(measured.size()));
  outcome.exact = outcome.sampled;
  ServedToday served;
  served.serve(std::move(first));
  GrowingLog log(loop);
  LogBatch today;
  std::int64_t n_rounds = 0;
  const std::int64_t n_all = loop.step.days * loop.rounds_a_day;
  const RoundBudget budget{static_cast<std::uint64_t>(n_all) * n_users, n_users};
  // A batch is one round of every user, so that days end between batches.
  play(*domain.live_world, *domain.live_users, served, domain.live_rng, 0, n_users, budget,
       kLiveSession, n_users, false, [&](Played& played, TruthBatch&) {
         REHEARSAL_CHECK(played.requests.size() == n_users);
         add_played(played, *domain.live_users, measured, outcome);
         const auto rows = learnt(played.requests, loop.step.train_share, domain.live_rng);
         append(gather(played.requests, rows), today.requests);
         append(gather(played.pages, rows), today.pages);
         append(gather(played.responses, played.pages, rows), today.responses);
         if (++n_rounds % loop.rounds_a_day != 0 || n_rounds == n_all) return;
         if (arm.zero_shot.empty() && today.size() > 0) {
           log.add(std::exchange(today, {}));
           served.serve(train_arm(arm, loop.teachers, domain, log.lessons(), name, nullptr));
         }
       });
  return outcome;
}

}  // namespace rehearsal
