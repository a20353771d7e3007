#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/action_rounds.h"
#include "analysis/estimators.h"
#include "analysis/intervals.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// Logged sessions of equal length, column by column, borrowed: one row a step, session after
/// session. Columns that the estimators in use do not need may be empty.
struct Trajectories {
  std::size_t n_steps = 0;                      // of each session, > 0
  std::size_t n_actions = 0;                    // > 0
  double gamma = 1;                             // discount a step, in [0, 1]: step t counts gamma^t
  std::span<const std::uint32_t> action;        // (rows)
  std::span<const double> reward;               // (rows)
  std::span<const double> pscore;               // (rows) behavior's, in (0, 1]
  std::span<const double> action_dist;          // (rows, n_actions) evaluation policy
  std::span<const double> q_hat;                // (rows, n_actions) Q(s_t, a)
  std::span<const double> initial_value;        // (sessions) V(s_0)
  std::span<const double> state_weight;         // (rows) d_pi(s_t) / d_mu(s_t)
  std::span<const double> state_action_weight;  // (rows) d_pi(s_t, a_t) / d_mu(s_t, a_t)

  std::size_t n_rows() const { return reward.size(); }
  std::size_t size() const { return n_steps == 0 ? 0 : reward.size() / n_steps; }
};

/// Where an estimator's weights come from. Ratios pi / mu of actions are multiplied over the steps
/// named.
enum class StepWeight : std::uint8_t {
  kNone,         // no weights: the model alone
  kWhole,        // all steps of the session
  kPrefix,       // steps 0 ... t
  kState,        // state weight of step t - n, steps t - n ... t (Yuan et al., NeurIPS 2021)
  kStateAction,  // state-action weight of step t - n, steps t - n + 1 ... t (the same)
  kStateScopeRl  // state weight of step t - n, steps t - n + 1 ... t: SCOPE-RL 0.2.1's, which
                 // leaves out the action of step t - n
};

/// What is weighted.
enum class StepForm : std::uint8_t {
  kInitialValue,      // V(s_0), unweighted
  kReward,            // w_t r_t
  kBaseline,          // w_t (r_t - Q_t) + w_{t-1} V_t
  kAdvantage,         // V(s_0) + w_t (r_t + gamma V_{t+1} - Q_t)
  kAdvantageScopeRl,  // the same with SCOPE-RL 0.2.1's V_{t+1}: that of the last step is 0 one step
                      // early, and the last step gets V of its own state
};

/// A line of analysis/trajectories.cc.
struct TrajectoryEstimatorEntry {
  std::string name;
  std::string summary;
  std::string source;
  StepWeight weight = StepWeight::kNone;
  StepForm form = StepForm::kReward;
  bool self_normalized = false;    // weights divided by their mean at each step
  std::size_t n_step = 0;          // n of the marginal weights
  bool discounted = true;          // false: SCOPE-RL 0.2.1's drl, which ignores gamma
  bool from_second_value = false;  // SCOPE-RL 0.2.1's sm_sndr, which starts from its V_1

  /// Whether every column that it reads is there.
  bool fits(const Trajectories& log) const;
  TermLayout layout(std::size_t n_steps) const;
  /// Each session's terms. Args: out: (sessions, layout(n_steps).n_columns), overwritten.
  void terms(const Trajectories& log, std::span<double> out) const;
};

/// Estimators of sessions (peers.md 1.4), one line each. Names ending in _scope_rl are what
/// SCOPE-RL 0.2.1's code computes where it departs from the papers.
const Registry<TrajectoryEstimatorEntry>& trajectory_estimators();

/// The estimate from all sessions at once. Raises: Error(kInput) for no sessions or absent columns.
PointEstimate estimate_sessions(const TrajectoryEstimatorEntry& estimator, const Trajectories& log);

/// Each session's share of an estimate, denominators at their means: the estimate is their mean.
/// What bounds and resampling work on. Raises: as estimate_sessions.
std::vector<double> session_terms(const TrajectoryEstimatorEntry& estimator,
                                  const Trajectories& log);

/// Two-sided intervals of a mean of terms, from their moments. The ranges that Hoeffding's and the
/// empirical Bernstein interval need are read off the sample, 0 to the largest term, as SCOPE-RL
/// has it: so they guarantee nothing; analysis/intervals.h takes a range known before.
struct SessionIntervals {
  Interval hoeffding;           // half width max sqrt(ln(2 / alpha) / 2n)
  Interval bernstein;           // alpha, not alpha / 2, on either side, as SCOPE-RL has it
  Interval ttest;               // t quantile at 1 - alpha / 2
  Interval hoeffding_scope_rl;  // half width max sqrt(n ln(2 / alpha) / 2), n times too wide
  Interval ttest_scope_rl;      // t quantile at 1 - alpha: covers 1 - 2 alpha
};
/// Args: terms: (n), n > 1.  confidence: 1 - alpha, in (0, 1).
/// Raises: Error(kInput) where a term is not finite or none is above 0.
SessionIntervals session_intervals(std::span<const double> terms, double confidence);

/// Products over whole sessions of pi / mu, (sessions).
std::vector<double> session_weights(const Trajectories& log);

}  // namespace rehearsal
