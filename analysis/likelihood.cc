#include "analysis/likelihood.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct Sums {
  double n = 0, w = 0, ww = 0, r = 0, wr = 0, wwr = 0, wrwr = 0;
};

Sums sums_of(std::span<const double> weight, std::span<const double> reward,
             const WeightRange& range) {
  if (weight.empty()) throw Error(ErrorKind::kInput, "there are no rounds to estimate from");
  REHEARSAL_CHECK(weight.size() == reward.size());
  Sums s;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const double w = weight[i], r = reward[i];
    if (!(w >= range.low && w <= range.high))
      throw Error(ErrorKind::kInput,
                  fmt::format("the weight of round {} is {}, outside the range [{}, {}]", i, w,
                              range.low, range.high));
    s.w += w;
    s.ww += w * w;
    s.r += r;
    s.wr += w * r;
    s.wwr += w * w * r;
    s.wrwr += w * r * w * r;
  }
  s.n = static_cast<double>(weight.size());
  return s;
}

/// To first order both are mean(w r) with w - 1 as a control variate at its best coefficient.
double standard_error(const Sums& s) {
  if (s.n < 2) return 0;
  const double variance = s.wrwr / s.n - s.wr * s.wr / s.n / s.n;
  const double weights = s.ww / s.n - s.w * s.w / s.n / s.n;
  const double covariance = s.wwr / s.n - s.w * s.wr / s.n / s.n;
  const double left = variance - (weights > 0 ? covariance * covariance / weights : 0.0);
  return std::sqrt(std::max(0.0, left) / (s.n - 1));
}

/// The dual's derivative, sum_i (w_i - 1) / ((w_i - 1) beta + n): falls in beta.
double slope_at(std::span<const double> weight, double beta) {
  const double n = static_cast<double>(weight.size());
  double sum = 0;
  for (const double w : weight) sum += (w - 1) / ((w - 1) * beta + n);
  return sum;
}

/// Where the dual is feasible: every (w - 1) beta + n is positive at the range's ends and at least
/// 1 at each round.
struct Bracket {
  double low, high;
};

Bracket bracket_of(std::span<const double> weight, const WeightRange& range) {
  const double n = static_cast<double>(weight.size());
  Bracket out{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  if (range.high > 1) out.low = std::isinf(range.high) ? 0.0 : n / (1 - range.high);
  if (range.low < 1) out.high = n / (1 - range.low);
  for (const double w : weight) {
    if (w > 1) out.low = std::max(out.low, (n - 1) / (1 - w));
    if (w < 1) out.high = std::min(out.high, (n - 1) / (1 - w));
  }
  return out;
}

double dual_root(std::span<const double> weight, const WeightRange& range) {
  Bracket bracket = bracket_of(weight, range);
  if (!std::isfinite(bracket.low) || !std::isfinite(bracket.high)) return 0;
  if (slope_at(weight, bracket.low) <= 0) return bracket.low;
  if (slope_at(weight, bracket.high) >= 0) return bracket.high;
  for (int step = 0; step < 200 && bracket.low < bracket.high; ++step) {
    const double middle = 0.5 * (bracket.low + bracket.high);
    if (middle == bracket.low || middle == bracket.high) break;
    (slope_at(weight, middle) > 0 ? bracket.low : bracket.high) = middle;
  }
  return 0.5 * (bracket.low + bracket.high);
}

}  // namespace

PointEstimate empirical_likelihood(std::span<const double> weight, std::span<const double> reward,
                                   const WeightRange& range) {
  const Sums s = sums_of(weight, reward, range);
  const double beta = dual_root(weight, range);
  double value = 0, mass = 0;
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const double share = weight[i] / ((weight[i] - 1) * beta + s.n);
    value += share * reward[i];
    mass += share;
  }
  return {value + std::max(0.0, 1 - mass) * s.r / s.n, standard_error(s)};
}

PointEstimate cressie_read(std::span<const double> weight, std::span<const double> reward,
                           const WeightRange& range) {
  const Sums s = sums_of(weight, reward, range);
  const double end = s.w < s.n ? range.high : range.low;
  double gamma = -(1 + s.n) / s.n, beta = 0;
  if (std::isfinite(end)) {
    const double a = (end + s.w) / (1 + s.n), b = (end * end + s.ww) / (1 + s.n);
    if (a * a == b) {  // all weights are alike, so 1: nothing is to be bent
      gamma = -(1 + s.n) / s.n;
    } else {
      gamma = (b - a) / (a * a - b);
      beta = (1 - a) / (a * a - b);
    }
  }
  const double value = (-gamma * s.wr - beta * s.wwr) / (1 + s.n);
  const double rest = std::max(0.0, 1 + (gamma * s.w + beta * s.ww) / (1 + s.n));
  return {value + rest * s.r / s.n, standard_error(s)};
}

}  // namespace rehearsal
