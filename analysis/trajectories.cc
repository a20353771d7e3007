#include "analysis/trajectories.h"

#include <algorithm>

#include "analysis/ratio_terms.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

double ratio_of(const Trajectories& log, std::size_t row) {
  return log.action_dist[row * log.n_actions + log.action[row]] / log.pscore[row];
}

/// V(s_t) = sum_a pi(a | s_t) Q(s_t, a).
double value_of(const Trajectories& log, std::size_t row) {
  double value = 0;
  for (std::size_t a = 0; a < log.n_actions; ++a)
    value += log.action_dist[row * log.n_actions + a] * log.q_hat[row * log.n_actions + a];
  return value;
}

double q_of_taken(const Trajectories& log, std::size_t row) {
  return log.q_hat[row * log.n_actions + log.action[row]];
}

/// Weight of each step: a marginal weight of step t - n where there is one, times the ratios since.
void marginal_weights(const Trajectories& log, std::span<const double> marginal, std::size_t n,
                      bool own_ratio, std::size_t first, std::span<double> out) {
  for (std::size_t t = 0; t < log.n_steps; ++t) {
    double w = t >= n ? marginal[first + t - n] : 1.0;
    std::size_t from = t >= n ? t - n + 1 : 0;
    if (own_ratio && t >= n) --from;
    for (std::size_t u = from; u <= t; ++u) w *= ratio_of(log, first + u);
    out[t] = w;
  }
}

/// Args: first: row of the session's first step.  out: (n_steps).
void step_weights(const TrajectoryEstimatorEntry& estimator, const Trajectories& log,
                  std::size_t first, std::span<double> out) {
  switch (estimator.weight) {
    case StepWeight::kNone:
      std::fill(out.begin(), out.end(), 1.0);
      return;
    case StepWeight::kState:
      return marginal_weights(log, log.state_weight, estimator.n_step, true, first, out);
    case StepWeight::kStateScopeRl:
      return marginal_weights(log, log.state_weight, estimator.n_step, false, first, out);
    case StepWeight::kStateAction:
      return marginal_weights(log, log.state_action_weight, estimator.n_step, false, first, out);
    default:
      break;
  }
  double product = 1;
  for (std::size_t t = 0; t < log.n_steps; ++t) out[t] = product *= ratio_of(log, first + t);
  if (estimator.weight == StepWeight::kWhole) std::fill(out.begin(), out.end(), product);
}

/// V_{t+1} as the form has it; values: V of this session's steps.
double next_value(StepForm form, std::span<const double> values, std::size_t t) {
  const std::size_t last = values.size() - 1;
  if (form == StepForm::kAdvantage) return t == last ? 0.0 : values[t + 1];
  if (t == last) return values[last];
  return t + 1 == last ? 0.0 : values[t + 1];
}

/// What the weight of each step multiplies, undiscounted.
void step_residuals(const TrajectoryEstimatorEntry& estimator, const Trajectories& log,
                    std::size_t first, std::span<const double> values, std::span<double> out) {
  for (std::size_t t = 0; t < log.n_steps; ++t) {
    out[t] = log.reward[first + t];
    if (estimator.form == StepForm::kReward) continue;
    out[t] -= q_of_taken(log, first + t);
    if (estimator.form != StepForm::kBaseline)
      out[t] += log.gamma * next_value(estimator.form, values, t);
  }
}

bool is_advantage(StepForm form) {
  return form == StepForm::kAdvantage || form == StepForm::kAdvantageScopeRl;
}

/// V(s_0) of an estimator that starts from it, else 0.
double start_of(const TrajectoryEstimatorEntry& estimator, const Trajectories& log, std::size_t i,
                std::span<const double> values) {
  if (estimator.from_second_value) return next_value(estimator.form, values, 0);
  const bool starts = is_advantage(estimator.form) || estimator.form == StepForm::kInitialValue;
  return starts ? log.initial_value[i] : 0.0;
}

/// Adds one session's terms to its row of a self-normalized layout, or to its only column.
class SessionRow {
 public:
  SessionRow(std::span<double> row, std::size_t n_steps, bool self_normalized)
      : row_(row), n_steps_(n_steps), self_normalized_(self_normalized) {
    std::fill(row.begin(), row.end(), 0.0);
  }
  void start(double value) { row_[self_normalized_ ? 3 * n_steps_ : 0] += value; }
  void residual(std::size_t t, double weight, double value) {
    row_[self_normalized_ ? t : 0] += weight * value;
    if (self_normalized_) row_[n_steps_ + t] += weight;
  }
  void baseline(std::size_t t, double weight_above, double value) {
    row_[self_normalized_ ? 2 * n_steps_ + t : 0] += weight_above * value;
  }

 private:
  std::span<double> row_;
  std::size_t n_steps_;
  bool self_normalized_;
};

std::vector<TrajectoryEstimatorEntry> basic_entries() {
  const auto is = StepForm::kReward;
  const auto dr = StepForm::kBaseline;
  return {
      {"dm", "the value model at the first step", "Le et al., ICML 2019", StepWeight::kNone,
       StepForm::kInitialValue},
      {"tis", "whole-session weights", "Precup et al., ICML 2000", StepWeight::kWhole, is},
      {"pdis", "weights of the steps so far", "Precup et al., ICML 2000", StepWeight::kPrefix, is},
      {"dr", "doubly robust step by step", "Jiang and Li, ICML 2016", StepWeight::kPrefix, dr},
      {"sntis", "tis with weights divided by their mean at each step", "Precup et al., ICML 2000",
       StepWeight::kWhole, is, true},
      {"snpdis", "pdis with weights divided by their mean at each step", "Precup et al., ICML 2000",
       StepWeight::kPrefix, is, true},
      {"sndr", "dr with weights divided by their mean at each step",
       "Thomas and Brunskill, ICML 2016", StepWeight::kPrefix, dr, true},
      {"drl", "double reinforcement learning: dr with state-action weights",
       "Kallus and Uehara, JMLR 2020", StepWeight::kStateAction, dr},
      {"drl_scope_rl", "drl without discount", "SCOPE-RL 0.2.1", StepWeight::kStateAction, dr,
       false, 0, false},
      {"sm_dm", "the value model at the first step", "Le et al., ICML 2019", StepWeight::kNone,
       StepForm::kInitialValue},
  };
}

struct MarginalKind {
  std::string prefix, what, source;
  StepWeight weight;
  bool scope_rl;  // has forms that SCOPE-RL's code gets wrong
};

void add_marginal_entries(const MarginalKind& kind, std::size_t n,
                          std::vector<TrajectoryEstimatorEntry>& entries) {
  const std::string at = "_nstep" + std::to_string(n);
  const std::string steps = std::to_string(n) + " steps of action ratios after " + kind.what;
  const auto add = [&](const std::string& form_name, const std::string& summary, StepForm form,
                       bool self_normalized) {
    entries.push_back({kind.prefix + form_name + at, steps + summary, kind.source, kind.weight,
                       form, self_normalized, n});
    if (!kind.scope_rl || !is_advantage(form)) return;
    entries.push_back({kind.prefix + form_name + at + "_scope_rl",
                       steps + summary + ", the next step's value misplaced", "SCOPE-RL 0.2.1",
                       kind.weight, StepForm::kAdvantageScopeRl, self_normalized, n, true,
                       self_normalized && kind.prefix == "sm_"});
  };
  add("is", "", StepForm::kReward, false);
  add("dr", ", doubly robust", StepForm::kAdvantage, false);
  add("snis", ", divided by their mean", StepForm::kReward, true);
  add("sndr", ", doubly robust, divided by their mean", StepForm::kAdvantage, true);
}

std::vector<TrajectoryEstimatorEntry> trajectory_table() {
  std::vector<TrajectoryEstimatorEntry> entries = basic_entries();
  const std::vector<MarginalKind> kinds{
      {"sm_", "state weights that leave out the state's own action", "SCOPE-RL 0.2.1",
       StepWeight::kStateScopeRl, true},
      {"sam_", "state-action weights", "Yuan et al., NeurIPS 2021", StepWeight::kStateAction, true},
      {"sope_", "state weights with the state's own action", "Yuan et al., NeurIPS 2021",
       StepWeight::kState, false}};
  for (const MarginalKind& kind : kinds)
    for (std::size_t n = 0; n <= 2; ++n) add_marginal_entries(kind, n, entries);
  return entries;
}

}  // namespace

bool TrajectoryEstimatorEntry::fits(const Trajectories& log) const {
  const bool model = form != StepForm::kReward;
  const bool starts = is_advantage(form) || form == StepForm::kInitialValue;
  if (starts && log.initial_value.empty()) return false;
  if (form == StepForm::kInitialValue) return true;
  if (model && (log.q_hat.empty() || log.action.empty() || log.action_dist.empty())) return false;
  const bool by_state = weight == StepWeight::kState || weight == StepWeight::kStateScopeRl;
  if (by_state && log.state_weight.empty()) return false;
  if (weight == StepWeight::kStateAction && log.state_action_weight.empty()) return false;
  const bool ratios =
      (weight != StepWeight::kStateAction && weight != StepWeight::kStateScopeRl) || n_step > 0;
  return !ratios || (!log.pscore.empty() && !log.action_dist.empty() && !log.action.empty());
}

TermLayout TrajectoryEstimatorEntry::layout(std::size_t n_steps) const {
  if (!self_normalized) return {1, {{0, RatioPart::kRounds}}};
  // Residuals, weights and baselines of every step, and the start.
  TermLayout layout{3 * n_steps + 1, {}};
  for (std::size_t t = 0; t < n_steps; ++t) layout.parts.push_back({t, n_steps + t});
  if (form == StepForm::kBaseline)
    for (std::size_t t = 0; t < n_steps; ++t)
      layout.parts.push_back({2 * n_steps + t, t == 0 ? RatioPart::kRounds : n_steps + t - 1});
  layout.parts.push_back({3 * n_steps, RatioPart::kRounds});
  return layout;
}

void TrajectoryEstimatorEntry::terms(const Trajectories& log, std::span<double> out) const {
  const std::size_t width = layout(log.n_steps).n_columns;
  std::vector<double> weights(log.n_steps), residuals(log.n_steps), values(log.n_steps);
  for (std::size_t i = 0; i < log.size(); ++i) {
    const std::size_t first = i * log.n_steps;
    SessionRow row(out.subspan(i * width, width), log.n_steps, self_normalized);
    if (form == StepForm::kInitialValue) {
      row.start(log.initial_value[i]);
      continue;
    }
    if (form != StepForm::kReward)
      for (std::size_t t = 0; t < log.n_steps; ++t) values[t] = value_of(log, first + t);
    step_weights(*this, log, first, weights);
    step_residuals(*this, log, first, values, residuals);
    row.start(start_of(*this, log, i, values));
    double discount = 1;
    for (std::size_t t = 0; t < log.n_steps; ++t) {
      row.residual(t, weights[t], discount * residuals[t]);
      if (form == StepForm::kBaseline)
        row.baseline(t, t == 0 ? 1.0 : weights[t - 1], discount * values[t]);
      if (discounted) discount *= log.gamma;
    }
  }
}

const Registry<TrajectoryEstimatorEntry>& trajectory_estimators() {
  static const Registry<TrajectoryEstimatorEntry> registry("session estimator", trajectory_table());
  return registry;
}

namespace {

/// All terms of all sessions. Raises: Error(kInput) for no sessions or absent columns.
std::vector<double> all_terms(const TrajectoryEstimatorEntry& estimator, const Trajectories& log) {
  if (log.size() == 0)
    throw Error(ErrorKind::kInput, estimator.name + ": there are no sessions to estimate from");
  if (!estimator.fits(log))
    throw Error(ErrorKind::kInput, estimator.name + ": the sessions lack columns that it reads");
  std::vector<double> terms(log.size() * estimator.layout(log.n_steps).n_columns);
  estimator.terms(log, terms);
  return terms;
}

}  // namespace

PointEstimate estimate_sessions(const TrajectoryEstimatorEntry& estimator,
                                const Trajectories& log) {
  const std::vector<double> terms = all_terms(estimator, log);
  return estimate_terms(estimator.layout(log.n_steps), terms);
}

std::vector<double> session_terms(const TrajectoryEstimatorEntry& estimator,
                                  const Trajectories& log) {
  const std::vector<double> terms = all_terms(estimator, log);
  const TermLayout layout = estimator.layout(log.n_steps);
  const std::size_t width = layout.n_columns, n = log.size();
  std::vector<double> means(width, 0.0), out(n, 0.0);
  for (std::size_t c = 0; c < terms.size(); ++c)
    means[c % width] += terms[c] / static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i)
    for (const RatioPart& part : layout.parts)
      out[i] += terms[i * width + part.numerator] /
                (part.denominator == RatioPart::kRounds ? 1.0 : means[part.denominator]);
  return out;
}

SessionIntervals session_intervals(std::span<const double> terms, double confidence) {
  const Moments moments = moments_of(terms);
  const Range range = obp_range(terms);
  const double alpha = 1 - confidence;
  const auto around = [&](double half) {
    return Interval{moments.mean, moments.mean - half, moments.mean + half};
  };
  SessionIntervals out;
  out.hoeffding = hoeffding_interval(moments, range, confidence);
  out.bernstein = around(moments.mean - empirical_bernstein_lower(moments, range, alpha));
  out.ttest = student_t_interval(moments, confidence);
  out.hoeffding_scope_rl = around(moments.n * (out.hoeffding.high - moments.mean));
  out.ttest_scope_rl = around(moments.mean - student_t_lower(moments, alpha));
  return out;
}

std::vector<double> session_weights(const Trajectories& log) {
  std::vector<double> weights(log.size(), 1.0);
  for (std::size_t s = 0; s < log.size() * log.n_steps; ++s)
    weights[s / log.n_steps] *= ratio_of(log, s);
  return weights;
}

}  // namespace rehearsal
