#include <fmt/format.h>

#include <algorithm>

#include "analysis/evaluation_sums.h"
#include "scenarios/action_log.h"
#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

bool needs_q_hat(const Estimator& estimator) { return estimator.entry->uses(Need::kQHat); }

std::vector<Estimator> chosen(const ActionEvaluation& options) {
  std::vector<Estimator> entries;
  if (options.estimators.empty()) {
    for (const char* name : {"ips", "snips", "dm", "dr", "sndr"}) {
      const Estimator estimator = parse_estimator(name);
      if (!needs_q_hat(estimator) || options.q_hat != nullptr) entries.push_back(estimator);
    }
    return entries;
  }
  for (const std::string& name : options.estimators) {
    const Estimator estimator = parse_estimator(name, "--estimators");
    if (needs_q_hat(estimator) && options.q_hat == nullptr)
      throw Error(ErrorKind::kInput, name + ": needs a reward model: give --q-hat FILE.h5:DATASET");
    entries.push_back(estimator);
  }
  return entries;
}

/// What one evaluation reads, fixed before the pass.
struct ActionPlan {
  const ActionSource& log;
  const std::vector<ActionCandidate>& candidates;
  const ActionTable* q_hat = nullptr;  // null: not needed
  EvaluationPlan sums;
};

/// Raises: where neither the policy nor the reward model, for the logged actions only, give it.
void require_expectation(const ActionCandidate& candidate, const ActionTable& q_hat) {
  if (candidate.expected_q_hat || (q_hat.complete() && candidate.policy.complete())) return;
  throw Error(ErrorKind::kInput,
              fmt::format("{}: '{}' is known for the logged actions only, so the expectation of "
                          "q_hat under '{}' is not: give --q-hat-expected {}=FILE.h5:DATASET",
                          candidate.name, q_hat.complete() ? candidate.policy.name() : q_hat.name(),
                          candidate.name, candidate.name));
}

/// The sums of some rounds: a shard's. A user's rounds are never split.
class ShardSums {
 public:
  ShardSums(const ActionPlan& plan, const ActionLog& log)
      : plan_(plan), log_(log), sums_(plan.sums) {
    index_users();
    std::optional<ActionRows> q_hat;
    if (plan.q_hat != nullptr) {
      q_hat.emplace(plan.q_hat->rows(log));
      for (std::size_t i = 0; i < log.size(); ++i) shown_.push_back(q_hat->logged(i));
    }
    for (std::size_t c = 0; c < plan.candidates.size(); ++c)
      add_candidate(c, q_hat ? &*q_hat : nullptr);
    sums_.add_users(plan.sums, users_);
  }

  EvaluationSums take() { return std::move(sums_); }

 private:
  void index_users() {
    std::size_t n_users = 0;
    for (std::size_t i = 0; i < log_.size(); ++i) {
      if (i == 0 || log_.user[i] != log_.user[i - 1]) ++n_users;
      user_of_.push_back(n_users - 1);
    }
    users_.assign(n_users * plan_.sums.n_columns, 0.0);
    for (const std::size_t u : user_of_) users_[u * plan_.sums.n_columns] += 1;
    sums_.n_rounds = static_cast<double>(log_.size());
    sums_.n_shown = sums_.n_rounds;
  }

  void add_candidate(std::size_t c, const ActionRows* q_hat) {
    const ActionCandidate& candidate = plan_.candidates[c];
    const ActionRows policy = candidate.policy.rows(log_);
    policy.require_probabilities();
    std::vector<double> weight(log_.size());
    WeightStats stats;
    for (std::size_t i = 0; i < weight.size(); ++i) {
      weight[i] = policy.logged(i) / log_.pscore[i];
      stats.add(weight[i]);
    }
    stats.settle();
    for (std::size_t s = 0; s < n_stats(plan_.sums); ++s)
      sums_.stats[c * n_stats(plan_.sums) + s].add(stats);
    std::vector<double> direct;
    if (q_hat != nullptr) direct = direct_term(candidate, policy, *q_hat);
    const WeightedRounds rounds{{},     log_.reward, weight, weight,     weight,
                                weight, shown_,      direct, log_.pscore};
    for (const Target& target : plan_.sums.targets)
      if (target.candidate == c) add_terms(target, rounds);
  }

  std::vector<double> direct_term(const ActionCandidate& candidate, const ActionRows& policy,
                                  const ActionRows& q_hat) const {
    std::vector<double> direct(log_.size(), 0.0);
    if (candidate.expected_q_hat) {
      const ActionRows expected = candidate.expected_q_hat->rows(log_);
      for (std::size_t i = 0; i < direct.size(); ++i) direct[i] = expected.logged(i);
      return direct;
    }
    for (std::size_t i = 0; i < direct.size(); ++i)
      for (std::size_t a = 0; a < log_.shape.n_actions; ++a)
        direct[i] += policy.at(i, a) * q_hat.at(i, a);
    return direct;
  }

  void add_terms(const Target& target, const WeightedRounds& rounds) {
    const std::size_t width = target.layout.n_columns;
    std::vector<double> terms(log_.size() * width);
    target.estimator.terms(rounds, 1, terms);
    for (std::size_t i = 0; i < log_.size(); ++i) {
      double* row = users_.data() + user_of_[i] * plan_.sums.n_columns + target.first_column;
      for (std::size_t j = 0; j < width; ++j) row[j] += terms[i * width + j];
    }
  }

  const ActionPlan& plan_;
  const ActionLog& log_;
  EvaluationSums sums_;
  std::vector<std::size_t> user_of_;  // (rows)
  std::vector<double> users_;         // (users, n_columns)
  std::vector<double> shown_;         // (rows) q_hat of the logged actions
};

}  // namespace

std::vector<std::vector<Estimate>> evaluate_actions(const ActionSource& log,
                                                    const std::vector<ActionCandidate>& candidates,
                                                    const ActionEvaluation& options) {
  const std::vector<Estimator> entries = chosen(options);
  ActionPlan plan{log, candidates, nullptr, {}};
  if (std::any_of(entries.begin(), entries.end(), needs_q_hat)) plan.q_hat = options.q_hat;
  for (const ActionCandidate& candidate : candidates) {
    if (plan.q_hat != nullptr) require_expectation(candidate, *plan.q_hat);
    plan.sums.candidates.push_back({candidate.name, nullptr});
  }
  plan.sums.metrics = {"ctr"};
  add_targets(entries, static_cast<int>(options.baseline), plan.sums);
  EvaluationSums total(plan.sums);
  ordered_reduce(
      log.n_shards, options.threads,
      [&](std::size_t shard) {
        const ActionLog rounds = log.read(shard);
        return ShardSums(plan, rounds).take();
      },
      [&](std::size_t, EvaluationSums&& sums) { total.add(sums); });
  if (total.n_rounds == 0) throw Error(ErrorKind::kInput, "evaluate: the log has no rounds");
  auto estimates = finish(plan.sums, total, options.confidence, static_cast<int>(options.baseline));
  for (std::vector<Estimate>& of_candidate : estimates)
    for (std::size_t e = 0; options.estimated && e < entries.size(); ++e)
      if (entries[e].entry->needs != std::vector<Need>{Need::kQHat})
        of_candidate[e].warnings.emplace_back(
            "propensities are estimated: the interval leaves out the error of that estimate, and "
            "where the policy knew more than the context the value is biased");
  return estimates;
}

}  // namespace rehearsal
