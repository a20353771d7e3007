#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/ratio_terms.h"
#include "analysis/return_distribution.h"
#include "analysis/trajectories.h"
#include "scenarios/arrays/inputs.h"
#include "scenarios/arrays/kinds.h"
#include "scenarios/arrays/scores.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

constexpr double kSessionSumTolerance = 1e-6;
const std::string kActionDist = "evaluation_policy_action_dist";
const std::string kValues = "state_action_value_prediction";

/// A group of sessions, checked. Rows are session-major.
class SessionCase {
 public:
  explicit SessionCase(const ArrayGroup& group) : inputs_(group) {
    const std::size_t n = inputs_.rows("reward", 1);
    log_.n_steps = whole("step_per_trajectory");
    if (n % log_.n_steps != 0)
      inputs_.refuse("reward", fmt::format("has {} values, expected whole sessions of {} steps", n,
                                           log_.n_steps));
    log_.reward = inputs_.numbers("reward", {n});
    log_.gamma = inputs_.has("gamma") ? scalar("gamma", 0, 1, "a discount in [0, 1]") : 1.0;
    if (inputs_.has(kActionDist)) read_policy(n);
    if (inputs_.has("pscore")) log_.pscore = inputs_.propensities("pscore", {n});
    if (inputs_.has(kValues) && log_.n_actions > 0)
      log_.q_hat = inputs_.numbers(kValues, {n, log_.n_actions});
    if (inputs_.has("initial_state_value_prediction")) {
      log_.initial_value = inputs_.numbers("initial_state_value_prediction", {n / log_.n_steps});
    } else if (!log_.q_hat.empty()) {
      initial_value_ = start_values(log_);
      log_.initial_value = initial_value_;
    }
    log_.state_weight = weights("state_marginal_importance_weight", n);
    log_.state_action_weight = weights("state_action_marginal_importance_weight", n);
    grid_ = ascending("reward_scale", 2);
    alphas_ = ascending("cvar_alphas", 0);
    if (!alphas_.empty() && (alphas_.front() < 0 || alphas_.back() > 1))
      inputs_.refuse("cvar_alphas", "expected shares in [0, 1]");
  }
  SessionCase(const SessionCase&) = delete;
  SessionCase& operator=(const SessionCase&) = delete;

  const Trajectories& log() const { return log_; }
  std::span<const double> grid() const { return grid_; }
  std::span<const double> alphas() const { return alphas_; }

 private:
  double scalar(const std::string& dataset, double low, double high,
                const std::string& expected) const {
    const Array& array = inputs_.at(dataset);
    if (array.values.size() != 1) inputs_.refuse(dataset, "expected one number");
    const double value = array.values[0];
    if (!(value >= low && value <= high))
      inputs_.refuse(dataset, fmt::format("is {}, expected {}", value, expected));
    return value;
  }

  std::size_t whole(const std::string& dataset) const {
    const double value = scalar(dataset, 1, 1e9, "a whole number from 1 on");
    if (value != std::floor(value))
      inputs_.refuse(dataset, fmt::format("is {}, expected a whole number from 1 on", value));
    return static_cast<std::size_t>(value);
  }

  void read_policy(std::size_t n) {
    inputs_.rows(kActionDist, 2);
    log_.n_actions = inputs_.at(kActionDist).shape[1];
    log_.action_dist = inputs_.probabilities(kActionDist, {n, log_.n_actions});
    for (std::size_t s = 0; s < n; ++s) {
      double sum = 0;
      for (std::size_t a = 0; a < log_.n_actions; ++a)
        sum += log_.action_dist[s * log_.n_actions + a];
      if (!(std::abs(sum - 1) <= kSessionSumTolerance))
        inputs_.refuse(kActionDist,
                       fmt::format("the probabilities of row {} sum to {}, expected 1", s, sum));
    }
    if (!inputs_.has("action")) return;
    action_ = inputs_.indices("action", {n}, log_.n_actions);
    log_.action = action_;
  }

  std::span<const double> weights(const std::string& dataset, std::size_t n) const {
    return inputs_.has(dataset) ? inputs_.weights(dataset, {n}) : std::span<const double>{};
  }

  std::span<const double> ascending(const std::string& dataset, std::size_t least) const {
    if (!inputs_.has(dataset)) return {};
    const std::size_t n = inputs_.rows(dataset, 1);
    const std::span<const double> values = inputs_.numbers(dataset, {n});
    if (n < least) inputs_.refuse(dataset, fmt::format("expected at least {} numbers", least));
    for (std::size_t j = 1; j < n; ++j)
      if (values[j] <= values[j - 1])
        inputs_.refuse(dataset, {n}, j, "a number above the one before");
    return values;
  }

  CaseInputs inputs_;
  std::vector<std::uint32_t> action_;
  std::vector<double> initial_value_;  // where the group has none but a model
  Trajectories log_;
  std::span<const double> grid_, alphas_;
};

/// [mean, low, high] by name, beside the interval by the delta method.
std::map<std::string, std::vector<double>> intervals(const TrajectoryEstimatorEntry& entry,
                                                     const Trajectories& log, double confidence) {
  const std::vector<double> terms = session_terms(entry, log);
  const bool finite =
      std::all_of(terms.begin(), terms.end(), [](double x) { return std::isfinite(x); });
  // The range of a bound is 0 to the largest term: without a term above 0 there is none.
  if (terms.size() < 2 || !finite || *std::max_element(terms.begin(), terms.end()) <= 0) return {};
  const SessionIntervals all = session_intervals(terms, confidence);
  const auto list = [](const Interval& i) { return std::vector<double>{i.value, i.low, i.high}; };
  return {{"hoeffding", list(all.hoeffding)},
          {"bernstein", list(all.bernstein)},
          {"ttest", list(all.ttest)},
          {"hoeffding_scope_rl", list(all.hoeffding_scope_rl)},
          {"ttest_scope_rl", list(all.ttest_scope_rl)}};
}

void add(const std::string& key, const CdfSummary& summary, const PointEstimate& mean,
         Scores& scores) {
  std::map<std::string, std::vector<double>> lists{
      {"cdf", summary.cdf}, {"median_lower_upper", {summary.median, summary.lower, summary.upper}}};
  if (!summary.cvar.empty()) lists["cvar"] = summary.cvar;
  scores.add(key, {summary.mean, mean.standard_error}, std::move(lists),
             {{"mean", summary.mean}, {"variance", summary.variance}});
}

void score_distributions(const SessionCase& sessions, Scores& scores) {
  if (sessions.grid().empty()) return;
  if (sessions.alphas().empty())
    scores.warn("there are no cvar_alphas: distributions are scored without cvar");
  for (const CdfEstimator estimator : kCdfEstimators) {
    if (!fits(estimator, sessions.log())) continue;
    const std::string key = name_of(estimator);
    if (!exists(estimator, sessions.log())) {
      for (const std::string& each : {key, key + "_scope_rl"})
        if (scores.wants(each)) scores.add(each, PointEstimate{kNan, kNan});
      continue;
    }
    const PointEstimate mean = expected_return(estimator, sessions.log());
    if (scores.wants(key))
      add(key, summarize(return_cdf(estimator, sessions.log()), sessions.grid(), sessions.alphas()),
          mean, scores);
    if (scores.wants(key + "_scope_rl"))
      add(key + "_scope_rl",
          scope_rl_summary(estimator, sessions.log(), sessions.grid(), sessions.alphas()), mean,
          scores);
  }
}

}  // namespace

CaseResult evaluate_sessions(const ArrayGroup& group, const ArrayOptions& options) {
  const SessionCase sessions(group);
  Scores scores(options);
  for (const TrajectoryEstimatorEntry& entry : trajectory_estimators().entries())
    if (entry.fits(sessions.log()) && scores.wants(entry.name))
      scores.add(entry.name, estimate_sessions(entry, sessions.log()),
                 intervals(entry, sessions.log(), options.confidence));
  score_distributions(sessions, scores);
  const Trajectories& log = sessions.log();
  if (!log.pscore.empty() && !log.action_dist.empty() && !log.action.empty())
    scores.weigh(session_weights(log), "session");
  return scores.take();
}

}  // namespace rehearsal
