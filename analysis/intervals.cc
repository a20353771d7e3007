#include "analysis/intervals.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>
#include <limits>

#include "sim/core/error.h"
#include "sim/core/normal.h"

namespace rehearsal {

namespace {

void check_delta(double delta) {
  if (!(delta > 0 && delta < 1))
    throw Error(ErrorKind::kInput, fmt::format("interval: delta {} is not between 0 and 1", delta));
}

void check_many(double n, double least, const char* bound) {
  if (n < least)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: needs at least {} terms, there are {}", bound, least, n));
}

void check_range(const Range& range) {
  if (!(range.low < range.high) || !std::isfinite(range.width()))
    throw Error(ErrorKind::kInput,
                fmt::format("interval: [{}, {}] is no range of terms", range.low, range.high));
}

void check_finite(std::span<const double> terms) {
  if (terms.empty()) throw Error(ErrorKind::kInput, "interval: there are no terms");
  for (std::size_t i = 0; i < terms.size(); ++i)
    if (!std::isfinite(terms[i]))
      throw Error(ErrorKind::kInput, fmt::format("interval: term {} is {}", i, terms[i]));
}

/// Args: lower: (moments, delta) to a lower bound.
template <class Lower>
Interval two_sided(const Moments& terms, double confidence, Lower&& lower) {
  const double delta = 1 - confidence;
  check_delta(delta);
  return {terms.mean, lower(terms, delta / 2), -lower(terms.negated(), delta / 2)};
}

/// The empirical Bernstein bound of terms in [0, width].
double bernstein(double mean, double variance, double n, double width, double delta) {
  const double log_term = std::log(2 / delta);
  return mean - std::sqrt(2 * variance * log_term / n) - 7 * width * log_term / (3 * (n - 1));
}

}  // namespace

Interval normal_interval(double value, double standard_error, double confidence) {
  const double half = standard_error * normal_quantile(0.5 + confidence / 2);
  return {value, value - half, value + half};
}

double sample_quantile(std::vector<double> sample, double p) {
  REHEARSAL_CHECK(!sample.empty());
  std::sort(sample.begin(), sample.end());
  const double at = p * static_cast<double>(sample.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sample.size() - 1);
  return sample[below] + (at - static_cast<double>(below)) * (sample[above] - sample[below]);
}

double Moments::standard_error() const { return n > 0 ? std::sqrt(variance / n) : 0; }

Moments moments_of(std::span<const double> terms) {
  check_finite(terms);
  Moments out;
  out.n = static_cast<double>(terms.size());
  for (const double term : terms) out.mean += term;
  out.mean /= out.n;
  for (const double term : terms) out.variance += (term - out.mean) * (term - out.mean);
  out.variance = out.n > 1 ? out.variance / (out.n - 1) : 0;
  return out;
}

Moments moments_within(std::span<const double> terms, const Range& range) {
  check_range(range);
  const Moments out = moments_of(terms);
  for (std::size_t i = 0; i < terms.size(); ++i)
    if (terms[i] < range.low || terms[i] > range.high)
      throw Error(ErrorKind::kInput, fmt::format("interval: term {} is {}, outside [{}, {}]", i,
                                                 terms[i], range.low, range.high));
  return out;
}

Range obp_range(std::span<const double> terms) {
  check_finite(terms);
  return {0, *std::max_element(terms.begin(), terms.end())};
}

double student_t_lower(const Moments& terms, double delta) {
  check_delta(delta);
  check_many(terms.n, 2, "Student t");
  const boost::math::students_t_distribution<double> t(terms.n - 1);
  return terms.mean -
         boost::math::quantile(boost::math::complement(t, delta)) * terms.standard_error();
}

double hoeffding_lower(const Moments& terms, const Range& range, double delta) {
  check_delta(delta);
  check_range(range);
  check_many(terms.n, 1, "Hoeffding");
  return terms.mean - range.width() * std::sqrt(std::log(1 / delta) / (2 * terms.n));
}

double empirical_bernstein_lower(const Moments& terms, const Range& range, double delta) {
  check_delta(delta);
  check_range(range);
  check_many(terms.n, 2, "empirical Bernstein");
  return bernstein(terms.mean, terms.variance, terms.n, range.width(), delta);
}

double hcope_lower(std::span<const double> terms, std::span<const double> c, double delta) {
  check_delta(delta);
  check_finite(terms);
  check_many(static_cast<double>(terms.size()), 2, "HCOPE");
  if (c.size() != 1 && c.size() != terms.size())
    throw Error(ErrorKind::kInput,
                fmt::format("HCOPE: {} levels for {} terms", c.size(), terms.size()));
  const double n = static_cast<double>(terms.size());
  double inverse = 0, sum = 0, squares = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const double level = c[c.size() == 1 ? 0 : i];
    if (!(level > 0))
      throw Error(ErrorKind::kInput, fmt::format("HCOPE: level {} is not above 0", level));
    if (terms[i] < 0)
      throw Error(ErrorKind::kInput, fmt::format("HCOPE: term {} is {}, below 0", i, terms[i]));
    const double scaled = std::min(terms[i], level) / level;
    inverse += 1 / level;
    sum += scaled;
    squares += scaled * scaled;
  }
  const double log_term = std::log(2 / delta);
  // sum_ij (y_i - y_j)^2 = 2 (n sum y^2 - (sum y)^2)
  const double pairs = std::max(0.0, 2 * (n * squares - sum * sum));
  return (sum - 7 * n * log_term / (3 * (n - 1)) - std::sqrt(log_term / (n - 1) * pairs)) / inverse;
}

double hcope_threshold(std::span<const double> terms, std::size_t n_rest, double delta) {
  check_delta(delta);
  check_finite(terms);
  check_many(static_cast<double>(terms.size()), 2, "HCOPE");
  check_many(static_cast<double>(n_rest), 2, "HCOPE");
  std::vector<double> sorted(terms.begin(), terms.end());
  std::sort(sorted.begin(), sorted.end());
  const double n = static_cast<double>(sorted.size()), rest = static_cast<double>(n_rest);
  double best = 1, best_bound = -std::numeric_limits<double>::infinity();
  double sum = 0, squares = 0;  // of the terms up to this one
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double level = sorted[i], above = n - 1 - static_cast<double>(i);
    sum += level;
    squares += level * level;
    if (level <= 0) continue;
    const double mean = (sum + above * level) / n;
    const double variance =
        std::max(0.0, squares + above * level * level - n * mean * mean) / (n - 1);
    const double bound = bernstein(mean, variance, rest, level, delta);
    if (bound > best_bound) {
      best = level;
      best_bound = bound;
    }
  }
  return best;
}

double hcope_lower(std::span<const double> terms, double delta) {
  check_many(static_cast<double>(terms.size()), 40, "HCOPE");
  std::vector<double> chooses, rest;
  for (std::size_t i = 0; i < terms.size(); ++i) (i % 20 == 0 ? chooses : rest).push_back(terms[i]);
  const std::array<double, 1> c{hcope_threshold(chooses, rest.size(), delta)};
  return hcope_lower(rest, c, delta);
}

double clopper_pearson_lower(double k, double n, double delta) {
  check_delta(delta);
  if (!(n > 0 && k >= 0 && k <= n))
    throw Error(ErrorKind::kInput, fmt::format("Clopper-Pearson: {} successes of {}", k, n));
  return k > 0 ? boost::math::ibeta_inv(k, n - k + 1, delta) : 0.0;
}

Interval student_t_interval(const Moments& terms, double confidence) {
  return two_sided(terms, confidence, student_t_lower);
}

Interval hoeffding_interval(const Moments& terms, const Range& range, double confidence) {
  return two_sided(terms, confidence, [&](const Moments& m, double delta) {
    return hoeffding_lower(m, range, delta);  // only the range's width counts: either sign
  });
}

Interval empirical_bernstein_interval(const Moments& terms, const Range& range, double confidence) {
  return two_sided(terms, confidence, [&](const Moments& m, double delta) {
    return empirical_bernstein_lower(m, range, delta);
  });
}

Interval clopper_pearson_interval(double k, double n, double confidence) {
  const double delta = 1 - confidence;
  return {k / n, clopper_pearson_lower(k, n, delta / 2),
          1 - clopper_pearson_lower(n - k, n, delta / 2)};
}

Interval vw_clopper_pearson_interval(double sum, double n, double w_max, double confidence) {
  if (!(w_max >= 1))
    throw Error(ErrorKind::kInput, fmt::format("Clopper-Pearson: w_max {} is below 1", w_max));
  const double trials = n / w_max;
  // A sum above n is a value above 1, which no mean reward has.
  Interval out = clopper_pearson_interval(std::min(sum / w_max, trials), trials, confidence);
  out.value = sum / n;
  return out;
}

}  // namespace rehearsal
