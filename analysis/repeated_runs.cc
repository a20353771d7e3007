#include "analysis/repeated_runs.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct RunMoments {
  double n = 0;
  double mean = 0;
  double squares = 0;                                        // of the distances from the mean
  double variance() const { return squares / (n - 1) / n; }  // of the mean
};

RunMoments moments(const std::vector<double>& runs) {
  REHEARSAL_CHECK(!runs.empty());
  RunMoments m;
  m.n = static_cast<double>(runs.size());
  // From the first run: runs that are equal have exactly no variance.
  for (const double run : runs) m.mean += (run - runs[0]) / m.n;
  for (const double run : runs) m.squares += (run - runs[0] - m.mean) * (run - runs[0] - m.mean);
  m.mean += runs[0];
  return m;
}

/// The quantile that a share p lies below; 0 where nothing varies.
double t_quantile(double p, double degrees) {
  if (degrees <= 0) return 0;
  return boost::math::quantile(boost::math::students_t(degrees), p);
}

RunsTest one_sided(const RunMoments& m, double limit, double alpha, double power) {
  REHEARSAL_CHECK(m.n >= 2);
  RunsTest test;
  test.value = m.mean;
  test.standard_error = std::sqrt(m.variance());
  test.degrees = m.squares > 0 ? m.n - 1 : 0;
  const double t = t_quantile(1 - alpha, test.degrees);
  test.bound = test.value + t * test.standard_error;
  test.failed = test.bound < limit;
  test.smallest_found = (t + t_quantile(power, test.degrees)) * test.standard_error;
  return test;
}

}  // namespace

RunsTest test_worse(const std::vector<double>& now, const std::vector<double>& before,
                    double margin, double alpha, double power) {
  const RunMoments a = moments(now);
  const RunMoments b = moments(before);
  REHEARSAL_CHECK(a.n >= 2);
  RunsTest test;
  test.value = a.mean - b.mean;
  const double squares = a.squares + b.squares;
  const double degrees = a.n + b.n - 2;
  test.standard_error = std::sqrt(squares / degrees * (1 / a.n + 1 / b.n));
  test.degrees = squares > 0 ? degrees : 0;
  const double t = t_quantile(1 - alpha, test.degrees);
  test.bound = test.value + t * test.standard_error;
  test.failed = test.bound < -margin;
  test.smallest_found = margin + (t + t_quantile(power, test.degrees)) * test.standard_error;
  return test;
}

RunsTest test_below(const std::vector<double>& runs, double limit, double alpha, double power) {
  return one_sided(moments(runs), limit, alpha, power);
}

RunsTest test_at_least(const std::vector<double>& runs, double limit, double confidence,
                       double power) {
  // The lower bound is the upper bound of the other side.
  RunsTest test = one_sided(moments(runs), limit, 1 - confidence, power);
  const double t = t_quantile(confidence, test.degrees);
  test.bound = test.value - t * test.standard_error;
  test.failed = test.bound < limit;
  // From the mean of these runs down to where the bound misses the limit with the power.
  const double misses = limit + (t - t_quantile(power, test.degrees)) * test.standard_error;
  test.smallest_found = std::max(test.value - misses, 0.0);
  return test;
}

double chance_to_fail(const RunsTest& test, double limit, double confidence) {
  if (test.degrees <= 0) return test.value < limit ? 1 : 0;
  const boost::math::students_t t(test.degrees);
  const double above = (test.value - limit) / test.standard_error;
  return boost::math::cdf(t, boost::math::quantile(t, confidence) - above);
}

double binomial_tail(std::size_t k, std::size_t n, double p) {
  return boost::math::cdf(boost::math::binomial_distribution<double>(static_cast<double>(n), p),
                          static_cast<double>(k));
}

}  // namespace rehearsal
