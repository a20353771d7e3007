#include <fmt/format.h>

#include <algorithm>

#include "analysis/estimator_choice.h"
#include "analysis/evaluation_estimates.h"
#include "scenarios/action_log.h"
#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

// Whom plain "auto" chooses among. Weights are shrunk where they are normalized or correct a model:
// by themselves they would lose their mass, and half an estimate looks narrow. Not switched:
// where all weights are above the limit, the model alone is left.
constexpr const char* kActionFamilies[] = {"ips", "snips_clip", "dr_clip", "dros"};

bool needs_q_hat(const Estimator& estimator) { return estimator.entry->uses(Need::kQHat); }

EstimatorRequests requested(const ActionEvaluation& options) {
  const Refusal refusal = [&](const EstimatorEntry& entry) -> std::string {
    if (entry.uses(Need::kQHat) && options.q_hat == nullptr)
      return "needs a reward model: give --q-hat FILE.h5:DATASET";
    return of_pages_only(entry);
  };
  std::vector<std::string> names = options.estimators;
  if (names.empty())
    for (const char* name : {"ips", "snips", "dm", "dr", "sndr"})
      if (refusal(estimators().at(name)).empty()) names.emplace_back(name);
  return request_estimators(names, kActionFamilies, refusal, "--estimators");
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
    sums_.add_users(plan.sums, ids_, users_);
  }

  EvaluationSums take() { return std::move(sums_); }

 private:
  void index_users() {
    for (std::size_t i = 0; i < log_.size(); ++i) {
      if (i == 0 || log_.user[i] != log_.user[i - 1]) ids_.push_back(log_.user[i]);
      user_of_.push_back(ids_.size() - 1);
    }
    users_.assign(ids_.size() * plan_.sums.n_columns, 0.0);
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
  std::vector<std::uint32_t> ids_;    // (users)
  std::vector<std::size_t> user_of_;  // (rows)
  std::vector<double> users_;         // (users, n_columns)
  std::vector<double> shown_;         // (rows) q_hat of the logged actions
};

ActionPlan plan_of(const ActionSource& log, const std::vector<ActionCandidate>& candidates,
                   const std::vector<Estimator>& scored, const ActionEvaluation& options) {
  ActionPlan plan{log, candidates, nullptr, {}};
  if (std::any_of(scored.begin(), scored.end(), needs_q_hat)) plan.q_hat = options.q_hat;
  for (const ActionCandidate& candidate : candidates) {
    if (plan.q_hat != nullptr) require_expectation(candidate, *plan.q_hat);
    plan.sums.candidates.push_back({candidate.name, nullptr});
  }
  plan.sums.metrics = {"ctr"};
  plan.sums.rng = options.rng;
  add_targets(scored, static_cast<int>(options.baseline), plan.sums);
  plan_interval(options, plan.sums);
  return plan;
}

EvaluationSums sum_all(const ActionPlan& plan, int threads) {
  EvaluationSums total(plan.sums);
  ordered_reduce(
      plan.log.n_shards, threads,
      [&](std::size_t shard) {
        const ActionLog rounds = plan.log.read(shard);
        return ShardSums(plan, rounds).take();
      },
      [&](std::size_t, EvaluationSums&& sums) { total.add(sums); });
  if (total.n_rounds == 0) throw Error(ErrorKind::kInput, "evaluate: the log has no rounds");
  return total;
}

/// Returns: one a target.
std::vector<Estimate> estimates_of(const ActionPlan& plan, const EvaluationSums& sums,
                                   const ActionEvaluation& options) {
  std::vector<Estimate> out =
      target_estimates(plan.sums, sums, options, static_cast<int>(options.baseline));
  for (std::size_t t = 0; options.estimated && t < out.size(); ++t)
    if (plan.sums.targets[t].estimator.entry->needs != std::vector<Need>{Need::kQHat})
      out[t].warnings.emplace_back(
          "propensities are estimated: the interval leaves out the error of that estimate, and "
          "where the policy knew more than the context the value is biased");
  return out;
}

}  // namespace

std::vector<std::vector<Estimate>> evaluate_actions(const ActionSource& log,
                                                    const std::vector<ActionCandidate>& candidates,
                                                    const ActionEvaluation& options) {
  if (const auto problem = interval_problem(options))
    throw Error(ErrorKind::kInput, problem->key + ": " + problem->message);
  const EstimatorRequests requests = requested(options);
  const ChoiceRule& rule = choice_rules().at(options.selection, "selection");
  const ActionPlan plan = plan_of(log, candidates, requests.scored, options);
  const EvaluationSums sums = sum_all(plan, options.threads);
  std::optional<ActionLog> whole;  // for a rule that cuts the log itself
  const Choose choose = [&](std::size_t candidate, const EstimatorRequest& request,
                            std::span<const Estimate> members) {
    if (!rule.needs_rounds) return choose_estimate(request, members, sums.n_users, rule);
    if (!whole) whole = read_action_log(log);
    std::vector<Estimator> scored;
    for (const std::size_t m : request.members) scored.push_back(requests.scored[m]);
    return choose_by_pas_if(request.name, scored, members, *whole, candidates[candidate], options);
  };
  return answer_requests(requests, estimates_of(plan, sums, options), candidates.size(), choose);
}

}  // namespace rehearsal
