#pragma once

#include <cstddef>
#include <vector>

namespace rehearsal {

/// What repeated runs say of one number against a limit, one-sided.
struct RunsTest {
  double value = 0;           // mean of the runs, or the difference of two means
  double standard_error = 0;  // between runs: log, training and live noise together
  double degrees = 0;         // of freedom; 0 where the runs do not vary at all
  double bound = 0;           // where the value's one-sided confidence bound lies
  bool failed = false;
  double smallest_found = 0;  // shortfall that fails with the power asked for
};

/// Is the mean of `now` below that of `before` by more than `margin`? Fails where Student's
/// one-sided t test of two samples says so at level `alpha`; then `bound` (upper) is below -margin.
/// Runs are independent, with seeds of their own. Where nothing changed all of them have one
/// variance, which is estimated from both sides: exact for any two numbers of normal runs, Welch's
/// test is not. Args: now: at least 2 runs.  before: at least 1.  alpha: in (0, 0.5).  power: in
/// (0.5, 1).
RunsTest test_worse(const std::vector<double>& now, const std::vector<double>& before,
                    double margin, double alpha, double power = 0.8);

/// Is the mean of the runs below `limit`? Fails where Student's one-sided t test says so at level
/// `alpha`; then `bound` (upper) is below the limit. Args: runs: at least 2.
RunsTest test_below(const std::vector<double>& runs, double limit, double alpha,
                    double power = 0.8);

/// Do the runs establish, with this confidence, that the mean is at least `limit`? Fails unless
/// `bound` (lower) reaches it: few runs fail where the mean is well above. Args: runs: at least 2.
RunsTest test_at_least(const std::vector<double>& runs, double limit, double confidence,
                       double power = 0.8);

/// How often test_at_least would fail if nothing changed: other runs with the mean and variance of
/// these. Args: as test_at_least.  Returns: probability.
double chance_to_fail(const RunsTest& test, double limit, double confidence);

/// P(X <= k), X ~ Binomial(n, p).
double binomial_tail(std::size_t k, std::size_t n, double p);

}  // namespace rehearsal
