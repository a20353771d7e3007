#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/ratio.h"
#include "analysis/results.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// Mixture likelihood ratio of a difference of two normal means against theta_0 (Johari et al.,
/// Operations Research 2022): sqrt(2 s2 / (2 s2 + n tau2)) exp(n^2 tau2 (d - theta_0)^2 / (4 s2 (2
/// s2 + n tau2))). Args: n: units an arm.  variance: s2, of one unit.  tau_squared: of the effects
/// that are expected.
double msprt_statistic(double n, double difference, double variance, double tau_squared,
                       double theta_0 = 0);

/// The test as it is looked at: a p-value that may be read at every look.
class SequentialTest {
 public:
  explicit SequentialTest(double tau_squared, double theta_0 = 0)
      : tau_squared_(tau_squared), theta_0_(theta_0) {}
  /// Args: n: units an arm so far.  Returns: min over looks of 1 / statistic, at most 1.
  double look(double n, double difference, double variance);
  double p_value() const { return p_value_; }
  /// Every difference that the test would not reject at this look alone.
  Interval interval(double n, double difference, double variance, double alpha) const;

 private:
  double tau_squared_, theta_0_, p_value_ = 1;
};

/// A difference between arms after what was known of users before is taken out.
struct CupedResult {
  double theta = 0;           // Cov(y, x) / Var(x), over both arms
  double variance_ratio = 1;  // of y - theta x to y: 1 - correlation^2
  double difference = 0;      // arm 1 minus arm 0, adjusted
  double standard_error = 0;
  double p_value = 1;  // two-sided, normal
};
/// CUPED (Deng et al., WSDM 2013), users as the unit.
/// Args: y: (n_users).  x: (n_users) covariate from before the experiment.  arm: (n_users) 0 or 1.
/// Raises: Error(kInput) for columns that do not fit and for an arm of fewer than 2 users.
CupedResult cuped(std::span<const double> y, std::span<const double> x,
                  std::span<const std::uint8_t> arm);
/// A ratio metric as one number a user, by the delta method: R + (y - R n) / mean(n), whose mean is
/// R = sum y / sum n and whose variance over users is R's times n_users. CUPED takes it as y.
std::vector<double> linearized(std::span<const double> sums, std::span<const double> rounds);

/// Sample-ratio mismatch: do the arms' sizes fit the shares they were meant to have?
struct RatioMismatch {
  double chi_square = 0;
  double p_value = 1;
  std::string warning;  // empty at p >= 0.001
};
/// Args: counts: users of each arm.  shares: intended, above 0; scaled to sum to 1.
RatioMismatch sample_ratio_mismatch(std::span<const double> counts, std::span<const double> shares);

/// What many tests of equal arms say: p-values must be uniform.
struct AaCheck {
  double rejected = 0;      // share with p <= alpha
  Interval rejected_range;  // Clopper-Pearson, 99 %
  double distance = 0;      // Kolmogorov-Smirnov, from uniform
  double uniform_p_value = 1;
  std::string warning;  // empty when all is well
};
AaCheck aa_check(std::span<const double> p_values, double alpha = 0.05);
/// p-values of `n_splits` fair splits of one arm's users (Draw::kAssignment): their ratio metric by
/// the delta method. Args: sums, rounds: (n_users).
std::vector<double> aa_p_values(std::span<const double> sums, std::span<const double> rounds,
                                std::size_t n_splits, const Rng& rng);

}  // namespace rehearsal
