#pragma once

#include <cstdint>
#include <span>

#include "sim/core/fields.h"
#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// How users change from page to page and from session to session; see fields().
struct OverTimeConfig {
  double drift = 0;
  double drift_noise = 0;
  double topic_fatigue = 0;
  double fatigue_keep = 0.7;
  double fatigue_load = 0;
  double fatigue_effect = 0;
  double budget = 0;
  double budget_cost = 1;
  double budget_reward = 0;
  double leave = 0.3;
  double satisfaction_memory = 0.3;
  double item_cost = 0.02;
  double return_logit = 1;
  double return_satisfaction = 0;
  double return_fatigue = 0;
  std::int64_t churn_days = 30;

  Fields fields();
};

/// What a page did to its user.
struct PageImpact {
  std::span<const double> consumed;  // (n_factors) mean factors of what was clicked; empty: nothing
  std::span<const std::uint32_t> clicked_topics;  // of every click
  double n_satisfied = 0;                         // clicks that satisfied
  double n_items = 0;                             // shown
};

/// The state of one user as a row of numbers, and the rules that move it on:
///   drift     u' = u + drift (mean consumed - u) + N(0, noise^2), within the session
///   topics    clicks on each topic in this session; attraction falls by exp(-omega clicks)
///   fatigue   f' = keep f + load a page
///   budget    b' = b - cost + reward satisfied clicks; the session ends below 1 (KuaiSim's temper)
///   satisfaction q' = (1 - rho) q + rho S at a session's end, S = satisfied - cost of items shown
///   return    gap ~ Geometric(sigmoid(b0 + b1 q - b2 f)) days; beyond churn_days: never
/// (simple closed forms after Zhao et al., KuaiSim, NeurIPS 2023, and Ie et al., RecSim, 2019).
class OverTime {
 public:
  OverTime(const OverTimeConfig& config, std::size_t n_factors, std::size_t n_topics)
      : config_(config), n_factors_(n_factors), n_topics_(n_topics) {}

  std::size_t n_state() const { return n_factors_ + n_topics_ + 4; }
  void start(std::span<double> state) const;

  /// What the user's taste has moved by. Returns: (n_factors).
  std::span<const double> drift(const double* state) const { return {state, n_factors_}; }
  /// Factor of the attraction of an item of this topic.
  double topic_factor(const double* state, std::size_t topic) const;
  /// Added to the attraction's logit.
  double fatigue_logit(const double* state) const;
  double satisfaction(const double* state) const { return state[satisfaction_at()]; }

  /// Moves the state on by a page. Args: taste: (n_factors) at the start of the session.
  ///       stream: of Draw::kAdvance.
  /// Returns: 0 (stays), the days until the next session, or kNeverReturns.
  std::uint16_t advance(std::span<double> state, std::span<const float> taste,
                        const PageImpact& page, Stream& stream) const;

  /// P(comes back on a given day | not back yet), for the state at a session's end.
  double return_probability(const double* state) const;
  /// P(never comes back) = (1 - p)^churn_days.
  double churn_probability(double return_probability) const;

 private:
  std::size_t fatigue_at() const { return n_factors_ + n_topics_; }
  std::size_t budget_at() const { return fatigue_at() + 1; }
  std::size_t satisfaction_at() const { return fatigue_at() + 2; }
  std::size_t utility_at() const { return fatigue_at() + 3; }
  void start_session(std::span<double> state) const;

  OverTimeConfig config_;
  std::size_t n_factors_;
  std::size_t n_topics_;
};

}  // namespace rehearsal
