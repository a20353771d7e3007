#pragma once

#include <cstddef>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

// Anytime-valid intervals: each takes one term after another and its interval may be looked at
// after every one, with probability 1 - alpha of holding the mean at all times at once. Terms have
// one mean, conditionally on those before; where a bound needs a range, terms outside it raise
// Error(kInput). Intervals before the first term are the whole range.

/// Variance and mean as predictable bets read them: (1/4 + sum (y_i - mu_i)^2) / (t + 1) with
/// mu_i = (1/2 + sum_{j <= i} y_j) / (i + 1).
class PredictableMoments {
 public:
  void add(double y);
  double t() const { return t_; }
  double sum() const { return sum_; }
  double variance() const { return (0.25 + squares_) / (t_ + 1); }

 private:
  double t_ = 0, sum_ = 0, squares_ = 0;
};

/// Hedged betting on a mean in [0, 1] (Waudby-Smith and Ramdas, JRSS B 2024, theorem 3).
/// Wealths stand on a grid of candidate means; the interval is rounded outwards to it.
class HedgedBetting {
 public:
  /// Args: n_steps: grid points 0, 1 / n_steps, ... 1.  running: intersects with earlier times.
  explicit HedgedBetting(double alpha, std::size_t n_steps = 1000, bool running = true);
  void add(double y);
  Interval interval() const;
  /// First and last grid point that is kept, without rounding; empty (low > high) where none is.
  Interval kept() const;

 private:
  /// Wealth of the bets on one side, at each grid point: exp(log_wealth) * recent.
  struct Side {
    std::vector<double> log_wealth;  // but for the last few factors
    std::vector<double> recent;      // their product
    std::vector<double> limit;       // of `recent`, from which on the point is out
  };
  void fold(Side& side) const;

  double alpha_;
  bool running_;
  PredictableMoments moments_;
  Side up_, down_;
  std::vector<unsigned char> out_;  // (n_steps + 1)
  int n_recent_ = 0;
};

/// One-sided predictable plug-in empirical Bernstein (Waudby-Smith and Ramdas, JRSS B 2024, theorem
/// 2), for terms of at least ceiling - 1 whose mean is at most `ceiling`; they may lie above it.
class EmpiricalBernsteinLower {
 public:
  /// Args: alpha: of this side.  ceiling: 1 for terms that are at least 0.
  explicit EmpiricalBernsteinLower(double alpha, double ceiling = 1);
  void add(double y);
  /// Of the mean; -infinity before the first term.
  double lower() const;

 private:
  double log_term_, ceiling_;
  PredictableMoments moments_;
  double bets_ = 0, bet_terms_ = 0, penalty_ = 0;
};

/// The two-sided sequence for terms in [0, 1], alpha / 2 a side.
class EmpiricalBernsteinSequence {
 public:
  explicit EmpiricalBernsteinSequence(double alpha) : lower_(alpha / 2), upper_(alpha / 2) {}
  void add(double y);
  Interval interval() const;

 private:
  EmpiricalBernsteinLower lower_, upper_;
  double t_ = 0, sum_ = 0;
};

/// Robbins' normal mixture: |sum| <= sqrt((v + rho) (ln(1 + v / rho) + 2 ln(1 / alpha))) for a
/// centred sub-Gaussian sum of variance process v (Howard et al., Annals of Statistics 2021).
/// Args: v_opt: where it is tightest.
double normal_mixture_boundary(double v, double v_opt, double alpha);

/// The sequence for sub-Gaussian terms, such as those of a known range (sigma = width / 2).
class NormalMixture {
 public:
  /// Args: t_opt: number of terms where it is tightest.
  NormalMixture(double sigma, double t_opt, double alpha)
      : variance_(sigma * sigma), t_opt_(t_opt), alpha_(alpha) {}
  void add(double y);
  Interval interval() const;

 private:
  double variance_, t_opt_, alpha_, t_ = 0, sum_ = 0;
};

/// Asymptotic sequence (Waudby-Smith et al., Annals of Statistics 2024): margin
/// sigma sqrt(2 (t rho^2 + 1) ln(sqrt(t rho^2 + 1) / alpha) / (t^2 rho^2)).
double asymptotic_margin(double t, double sigma, double rho_squared, double alpha);
/// The rho^2 that is tightest at t_opt: (-W_{-1}(-alpha^2 / e) - 1) / t_opt.
double asymptotic_rho_squared(double t_opt, double alpha);

class AsymptoticSequence {
 public:
  AsymptoticSequence(double t_opt, double alpha)
      : rho_squared_(asymptotic_rho_squared(t_opt, alpha)), alpha_(alpha) {}
  void add(double y);
  /// Infinite below 2 terms.
  Interval interval() const;

 private:
  double rho_squared_, alpha_, t_ = 0, mean_ = 0, squares_ = 0;
};

enum class XHat {
  kClipped,  // predicted term at most 1, so that X - X_hat >= -1: what validity needs
  kVw,       // VowpalWabbit's, unclipped: no guarantee
};

/// Off-policy lower sequence for X = w r >= 0 of mean in [0, 1], weights unbounded: gamma-
/// exponential mixture (Howard et al. 2021; Karampatziakis et al., ICML 2021). An upper one is
/// 1 - that of w (1 - r).
class GammaExponentialLower {
 public:
  explicit GammaExponentialLower(double alpha, XHat x_hat = XHat::kClipped)
      : alpha_(alpha), x_hat_(x_hat) {}
  void add(double x);
  double lower() const;

 private:
  double alpha_;
  XHat x_hat_;
  double t_ = 0, sum_ = 0, variance_ = 0;
};

/// A logged round as the doubly robust sequence reads it.
struct WeightedOutcome {
  double weight = 0;  // pi(a) / mu(a) of the logged action
  double reward = 0;  // in [0, 1]
  double q_hat = 0;   // predicted reward of the logged action, in [0, 1]
  double direct = 0;  // sum_a pi(a) q_hat(a)
};

/// Off-policy doubly robust sequence (Waudby-Smith et al., arXiv 2210.10768): phi = w (r - f) +
/// E_pi[f], where w f <= k bounds phi from below by -k however large weights get; empirical
/// Bernstein on phi / (k + 1), and the same for 1 - r.
class DoublyRobustSequence {
 public:
  /// Args: k: 0 trusts no model (f = 0: importance weighting).
  DoublyRobustSequence(double alpha, double k);
  /// Args: direct_lower, direct_upper: sum_a pi(a) min(q_hat(a), k / w(a)), and the same with
  ///       1 - q_hat; where every w(a) <= k they are `direct` and 1 - `direct`.
  void add(const WeightedOutcome& round, double direct_lower, double direct_upper);
  /// Where no weight is above k.
  void add(const WeightedOutcome& round);
  Interval interval() const;

 private:
  double k_;
  EmpiricalBernsteinLower lower_, upper_;
  double t_ = 0, sum_ = 0;
};

}  // namespace rehearsal
