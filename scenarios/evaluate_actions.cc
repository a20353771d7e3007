#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "analysis/estimator_choice.h"
#include "analysis/evaluation_estimates.h"
#include "scenarios/action_log.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

// Whom plain "auto" chooses among. Weights are shrunk where they are normalized or correct a model:
// by themselves they would lose their mass, and half an estimate looks narrow. Not switched:
// where all weights are above the limit, the model alone is left.
constexpr const char* kActionFamilies[] = {"ips", "snips_clip", "dr_clip", "dros"};
constexpr std::size_t kChunkUsers = 4096;

/// One candidate's columns.
struct ActionColumns {
  std::vector<double> weight;  // (n_rounds)
  std::vector<double> direct;  // (n_rounds), empty without q_hat
  WeightStats stats;
};

EstimatorRequests requested(const ActionEvaluation& options) {
  const Refusal refusal = [&](const EstimatorEntry& entry) -> std::string {
    if (entry.uses(Need::kQHat) && options.q_hat == nullptr)
      return "needs a reward model: give --q-hat FILE.h5:DATASET";
    return "";
  };
  std::vector<std::string> names = options.estimators;
  if (names.empty())
    for (const char* name : {"ips", "snips", "dm", "dr", "sndr"})
      if (refusal(estimators().at(name)).empty()) names.emplace_back(name);
  return request_estimators(names, kActionFamilies, refusal, "--estimators");
}

std::vector<double> direct_term(const ActionLog& log, const ActionCandidate& candidate,
                                const ActionTable& q_hat) {
  if (!candidate.expected_q_hat.empty()) return candidate.expected_q_hat;
  if (!q_hat.complete() || !candidate.policy.complete())
    throw Error(
        ErrorKind::kInput,
        fmt::format("{}: '{}' is known for the logged actions only, so the expectation of "
                    "q_hat under '{}' is not: give --q-hat-expected {}=FILE.h5:DATASET",
                    candidate.name, q_hat.complete() ? candidate.policy.name() : q_hat.name(),
                    candidate.name, candidate.name));
  std::vector<double> direct(log.size(), 0.0);
  for (std::size_t i = 0; i < log.size(); ++i)
    for (std::size_t a = 0; a < log.n_actions; ++a)
      direct[i] += candidate.policy.at(i, a) * q_hat.at(i, a);
  return direct;
}

ActionColumns columns_of(const ActionLog& log, const ActionCandidate& candidate,
                         const ActionTable* q_hat, bool with_direct) {
  candidate.policy.require_probabilities();
  ActionColumns columns;
  columns.weight.resize(log.size());
  for (std::size_t i = 0; i < log.size(); ++i) {
    columns.weight[i] = candidate.policy.logged(i) / log.pscore[i];
    columns.stats.add(columns.weight[i]);
  }
  columns.stats.settle();
  if (with_direct) columns.direct = direct_term(log, candidate, *q_hat);
  return columns;
}

/// A page evaluation's plan and sums, filled from columns in memory.
class ActionSums {
 public:
  ActionSums(const ActionLog& log, const std::vector<ActionCandidate>& candidates,
             const EstimatorRequests& requests, const ActionEvaluation& options)
      : log_(log), plan_(plan_of(candidates, requests, options)), sums_(plan_) {
    for (std::size_t i = 0; i < log.size(); ++i) {
      if (i == 0 || log.user[i] != log.user[i - 1]) ids_.push_back(log.user[i]);
      user_of_.push_back(ids_.size() - 1);
    }
    users_.assign(ids_.size() * plan_.n_columns, 0.0);
    for (const std::size_t u : user_of_) users_[u * plan_.n_columns] += 1;
    sums_.n_rounds = sums_.n_shown = static_cast<double>(log.size());
    sums_.n_users = static_cast<double>(ids_.size());
  }

  void add(std::size_t candidate, const WeightedRounds& rounds, const WeightStats& stats) {
    for (std::size_t s = 0; s < n_stats(plan_); ++s)
      sums_.stats[candidate * n_stats(plan_) + s] = stats;
    for (const Target& target : plan_.targets)
      if (target.candidate == candidate) add_terms(target, rounds);
  }

  std::vector<Estimate> estimates(const ActionEvaluation& options) {
    for (std::size_t u = 0; u < ids_.size(); u += kChunkUsers) {
      const std::size_t n = std::min(kChunkUsers, ids_.size() - u);
      add_users(plan_, std::span(ids_).subspan(u, n),
                std::span(users_).subspan(u * plan_.n_columns, n * plan_.n_columns), sums_);
    }
    return target_estimates(plan_, sums_, options, static_cast<int>(options.baseline));
  }

  double n_users() const { return sums_.n_users; }

 private:
  static EvaluationPlan plan_of(const std::vector<ActionCandidate>& candidates,
                                const EstimatorRequests& requests,
                                const ActionEvaluation& options) {
    EvaluationPlan plan;
    for (const ActionCandidate& candidate : candidates)
      plan.candidates.push_back({candidate.name, nullptr});
    plan.metrics = {"ctr"};
    plan.rng = options.rng;
    add_targets(requests.scored, static_cast<int>(options.baseline), plan);
    plan_interval(options, plan);
    return plan;
  }

  void add_terms(const Target& target, const WeightedRounds& rounds) {
    const std::size_t width = target.layout.n_columns;
    terms_.resize(log_.size() * width);
    target.estimator.terms(rounds, 1, terms_);
    for (std::size_t i = 0; i < log_.size(); ++i) {
      double* row = users_.data() + user_of_[i] * plan_.n_columns + target.first_column;
      for (std::size_t c = 0; c < width; ++c) row[c] += terms_[i * width + c];
    }
  }

  const ActionLog& log_;
  EvaluationPlan plan_;
  EvaluationSums sums_;
  std::vector<std::uint32_t> ids_;     // (n_users)
  std::vector<std::size_t> user_of_;   // (n_rounds)
  std::vector<double> users_, terms_;  // (n_users, n_columns); of one target
};

}  // namespace

std::vector<std::vector<Estimate>> evaluate_actions(const ActionLog& log,
                                                    const std::vector<ActionCandidate>& candidates,
                                                    const ActionEvaluation& options) {
  if (log.size() == 0) throw Error(ErrorKind::kInput, "evaluate: the log has no rounds");
  if (const auto problem = interval_problem(options))
    throw Error(ErrorKind::kInput, problem->key + ": " + problem->message);
  const EstimatorRequests requests = requested(options);
  const ChoiceRule& rule = choice_rules().at(options.selection, "selection");
  const bool with_q_hat =
      std::any_of(requests.scored.begin(), requests.scored.end(),
                  [](const Estimator& each) { return each.entry->uses(Need::kQHat); });
  std::vector<double> q_hat;
  for (std::size_t i = 0; with_q_hat && i < log.size(); ++i)
    q_hat.push_back(options.q_hat->logged(i));
  ActionSums sums(log, candidates, requests, options);
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    const ActionColumns columns = columns_of(log, candidates[c], options.q_hat, with_q_hat);
    const WeightedRounds rounds{
        {},    log.reward,     columns.weight, columns.weight, columns.weight, columns.weight,
        q_hat, columns.direct, log.pscore};
    sums.add(c, rounds, columns.stats);
  }
  const Choose choose = [&](std::size_t candidate, const EstimatorRequest& request,
                            std::span<const Estimate> members) {
    if (!rule.needs_rounds) return choose_estimate(request, members, sums.n_users(), rule);
    std::vector<Estimator> scored;
    for (const std::size_t m : request.members) scored.push_back(requests.scored[m]);
    return choose_by_pas_if(request.name, scored, members, log, candidates[candidate], options);
  };
  return answer_requests(requests, sums.estimates(options), candidates.size(), choose);
}

}  // namespace rehearsal
