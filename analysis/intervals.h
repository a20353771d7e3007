#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// value +- z * standard_error. Args: confidence: in (0, 1), two-sided.
Interval normal_interval(double value, double standard_error, double confidence);
/// The p-quantile of a sample, linear between order statistics. Args: sample: not empty.
double sample_quantile(std::vector<double> sample, double p);

/// What the fixed-n bounds read of a column of terms, one a round (or a user).
struct Moments {
  double n = 0;
  double mean = 0;
  double variance = 0;  // of the sample, n - 1

  double standard_error() const;
  Moments negated() const { return {n, -mean, variance}; }
};

/// Where every term is known to lie before any is seen. A bound whose range is read off its own
/// sample guarantees nothing.
struct Range {
  double low = 0;
  double high = 1;

  double width() const { return high - low; }
};

/// Raises: Error(kInput) for no terms or one that is not finite.
Moments moments_of(std::span<const double> terms);
/// The same. Raises: Error(kInput), naming the term, for one outside `range` too.
Moments moments_within(std::span<const double> terms, const Range& range);
/// Open Bandit Pipeline's range: 0 to the largest term. No guarantee, and wrong where a term is
/// negative; for comparison with its figures only.
Range obp_range(std::span<const double> terms);

// --- one-sided lower bounds: the mean is at least this with probability 1 - delta ---------------
// An upper bound is the lower one of the negated terms, negated. Args: delta: in (0, 1).

/// m - t_{1 - delta, n - 1} S / sqrt(n). Asymptotic; exact for normal terms. n > 1.
double student_t_lower(const Moments& terms, double delta);
/// m - width sqrt(ln(1 / delta) / 2n) (Hoeffding, JASA 1963).
double hoeffding_lower(const Moments& terms, const Range& range, double delta);
/// m - S sqrt(2 ln(2 / delta) / n) - 7 width ln(2 / delta) / (3 (n - 1)) (Maurer and Pontil, COLT
/// 2009, theorem 4). n > 1.
double empirical_bernstein_lower(const Moments& terms, const Range& range, double delta);

/// High-confidence off-policy evaluation (Thomas et al., AAAI 2015, theorem 1): the empirical
/// Bernstein bound of min(term, c), a lower bound because clipping only lowers.
/// Args: terms: (n), n > 1, each at least 0.  c: (n) or (1), each above 0, chosen without them.
double hcope_lower(std::span<const double> terms, std::span<const double> c, double delta);
/// The clipping level that promises the highest bound for `n_rest` further terms.
double hcope_threshold(std::span<const double> terms, std::size_t n_rest, double delta);
/// Both: every 20th term chooses c, the others give the bound. n >= 40.
double hcope_lower(std::span<const double> terms, double delta);

/// Clopper and Pearson (Biometrika 1934): exact for k successes of n.
/// Args: k: in [0, n]; a fraction is taken as the beta quantiles take it.
double clopper_pearson_lower(double k, double n, double delta);

// --- two-sided, delta / 2 on either side -------------------------------------------------------

Interval student_t_interval(const Moments& terms, double confidence);
Interval hoeffding_interval(const Moments& terms, const Range& range, double confidence);
Interval empirical_bernstein_interval(const Moments& terms, const Range& range, double confidence);
Interval clopper_pearson_interval(double k, double n, double confidence);
/// VowpalWabbit's heuristic for IPS of rewards in [0, 1]: Clopper-Pearson of sum(w r) / w_max
/// successes in n / w_max trials. No guarantee. Args: sum: of w r.  w_max: largest weight possible.
Interval vw_clopper_pearson_interval(double sum, double n, double w_max, double confidence);

}  // namespace rehearsal
