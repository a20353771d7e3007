#include "analysis/online_tests.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "analysis/diagnostics.h"
#include "analysis/intervals.h"
#include "analysis/multiplicity.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

// Away from the addresses of arms and folds.
constexpr std::uint16_t kAaSession = 0x4001;

void check_look(double n, double variance, double tau_squared) {
  if (!(n > 0 && variance > 0 && tau_squared > 0))
    throw Error(ErrorKind::kInput,
                fmt::format("mSPRT: n {}, variance {} and tau^2 {} must be above 0", n, variance,
                            tau_squared));
}

/// P(D > d) for the Kolmogorov-Smirnov distance of n uniforms, asymptotic with Stephens'
/// correction.
double kolmogorov_p_value(double d, double n) {
  const double x = (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n)) * d;
  if (x < 0.2) return 1;  // 1 to 13 digits
  double sum = 0;
  for (int j = 1; j <= 100; ++j) sum += (j % 2 == 1 ? 2 : -2) * std::exp(-2.0 * j * j * x * x);
  return std::clamp(sum, 0.0, 1.0);
}

/// Sums over one arm's users.
struct ArmMoments {
  double n = 0, y = 0, x = 0;     // means after the pass
  double yy = 0, yx = 0, xx = 0;  // sums of centred products
};

ArmMoments arm_moments(std::span<const double> y, std::span<const double> x,
                       std::span<const std::uint8_t> arm, std::uint8_t which) {
  ArmMoments out;
  for (std::size_t u = 0; u < y.size(); ++u) {
    if (arm[u] != which) continue;
    out.n += 1;
    out.y += y[u];
    out.x += x[u];
  }
  if (out.n < 2)
    throw Error(ErrorKind::kInput, fmt::format("CUPED: arm {} has fewer than 2 users", which));
  out.y /= out.n;
  out.x /= out.n;
  for (std::size_t u = 0; u < y.size(); ++u) {
    if (arm[u] != which) continue;
    out.yy += (y[u] - out.y) * (y[u] - out.y);
    out.yx += (y[u] - out.y) * (x[u] - out.x);
    out.xx += (x[u] - out.x) * (x[u] - out.x);
  }
  return out;
}

}  // namespace

double msprt_statistic(double n, double difference, double variance, double tau_squared,
                       double theta_0) {
  check_look(n, variance, tau_squared);
  const double spread = 2 * variance + n * tau_squared, off = difference - theta_0;
  return std::sqrt(2 * variance / spread) *
         std::exp(n * n * tau_squared * off * off / (4 * variance * spread));
}

double SequentialTest::look(double n, double difference, double variance) {
  p_value_ =
      std::min(p_value_, 1 / msprt_statistic(n, difference, variance, tau_squared_, theta_0_));
  return p_value_;
}

Interval SequentialTest::interval(double n, double difference, double variance,
                                  double alpha) const {
  check_look(n, variance, tau_squared_);
  const double spread = 2 * variance + n * tau_squared_;
  const double log_term = std::log(1 / alpha) + 0.5 * std::log(spread / (2 * variance));
  const double half = std::sqrt(4 * variance * spread * log_term / tau_squared_) / n;
  return {difference, difference - half, difference + half};
}

CupedResult cuped(std::span<const double> y, std::span<const double> x,
                  std::span<const std::uint8_t> arm) {
  if (y.size() != x.size() || y.size() != arm.size())
    throw Error(ErrorKind::kInput, "CUPED: the columns have different lengths");
  const ArmMoments control = arm_moments(y, x, arm, 0), treated = arm_moments(y, x, arm, 1);
  CupedResult out;
  // Within the arms, so that the treatment's own effect is no part of it.
  const double xx = control.xx + treated.xx, yx = control.yx + treated.yx;
  out.theta = xx > 0 ? yx / xx : 0;
  const auto squares = [&](const ArmMoments& m) {
    return std::max(0.0, m.yy - 2 * out.theta * m.yx + out.theta * out.theta * m.xx);
  };
  const auto variance_of_mean = [&](const ArmMoments& m) { return squares(m) / (m.n - 1) / m.n; };
  const double yy = control.yy + treated.yy;
  if (yy > 0) out.variance_ratio = (squares(control) + squares(treated)) / yy;
  out.difference = (treated.y - out.theta * treated.x) - (control.y - out.theta * control.x);
  out.standard_error = std::sqrt(variance_of_mean(control) + variance_of_mean(treated));
  if (out.standard_error > 0) out.p_value = two_sided_p_value(out.difference / out.standard_error);
  return out;
}

std::vector<double> linearized(std::span<const double> sums, std::span<const double> rounds) {
  REHEARSAL_CHECK(sums.size() == rounds.size());
  double y = 0, n = 0;
  for (std::size_t u = 0; u < sums.size(); ++u) {
    y += sums[u];
    n += rounds[u];
  }
  if (!(n > 0)) throw Error(ErrorKind::kInput, "ratio metric: there are no rounds");
  const double ratio = y / n, mean_rounds = n / static_cast<double>(sums.size());
  std::vector<double> out(sums.size());
  for (std::size_t u = 0; u < out.size(); ++u)
    out[u] = ratio + (sums[u] - ratio * rounds[u]) / mean_rounds;
  return out;
}

RatioMismatch sample_ratio_mismatch(std::span<const double> counts,
                                    std::span<const double> shares) {
  constexpr double kMismatch = 0.001;
  if (counts.size() < 2 || counts.size() != shares.size())
    throw Error(ErrorKind::kInput, "sample ratio: needs two arms or more, each with its share");
  double n = 0, all = 0;
  for (std::size_t a = 0; a < counts.size(); ++a) {
    if (!(counts[a] >= 0 && shares[a] > 0))
      throw Error(ErrorKind::kInput, fmt::format("sample ratio: arm {} has {} users, share {}", a,
                                                 counts[a], shares[a]));
    n += counts[a];
    all += shares[a];
  }
  if (n == 0) throw Error(ErrorKind::kInput, "sample ratio: there are no users");
  RatioMismatch out;
  for (std::size_t a = 0; a < counts.size(); ++a) {
    const double expected = n * shares[a] / all;
    out.chi_square += (counts[a] - expected) * (counts[a] - expected) / expected;
  }
  const double freedom = static_cast<double>(counts.size() - 1);
  out.p_value = boost::math::gamma_q(freedom / 2, out.chi_square / 2);
  if (out.p_value < kMismatch)
    out.warning = fmt::format(
        "do not trust: the arms' sizes do not fit their shares (chi-square {:.1f}, p {:.1e}); "
        "users "
        "were lost or counted twice",
        out.chi_square, out.p_value);
  return out;
}

AaCheck aa_check(std::span<const double> p_values, double alpha) {
  constexpr double kSuspicious = 0.001;
  if (p_values.empty()) throw Error(ErrorKind::kInput, "A/A: there are no p-values");
  std::vector<double> sorted(p_values.begin(), p_values.end());
  std::sort(sorted.begin(), sorted.end());
  if (!(sorted.front() >= 0 && sorted.back() <= 1))
    throw Error(ErrorKind::kInput, "A/A: a p-value lies outside [0, 1]");
  const double n = static_cast<double>(sorted.size());
  AaCheck out;
  double rejected = 0;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    rejected += sorted[i] <= alpha ? 1 : 0;
    const double before = static_cast<double>(i) / n, after = static_cast<double>(i + 1) / n;
    out.distance = std::max({out.distance, sorted[i] - before, after - sorted[i]});
  }
  out.rejected = rejected / n;
  out.rejected_range = clopper_pearson_interval(rejected, n, 0.99);
  out.uniform_p_value = kolmogorov_p_value(out.distance, n);
  if (out.rejected_range.low > alpha || out.rejected_range.high < alpha)
    out.warning =
        fmt::format("equal arms differ in {:.1f} % of the tests where {:.1f} % is expected",
                    100 * out.rejected, 100 * alpha);
  else if (out.uniform_p_value < kSuspicious)
    out.warning =
        fmt::format("p-values of equal arms are not uniform (distance {:.3f})", out.distance);
  return out;
}

std::vector<double> aa_p_values(std::span<const double> sums, std::span<const double> rounds,
                                std::size_t n_splits, const Rng& rng) {
  std::vector<double> out, first(sums.size()), second(sums.size());
  for (std::size_t s = 0; s < n_splits; ++s) {
    for (std::size_t u = 0; u < sums.size(); ++u) {
      const Turn turn{UserId{static_cast<std::uint32_t>(u)}, kAaSession,
                      static_cast<std::uint16_t>(s)};
      first[u] = rng.stream(Draw::kAssignment, turn).uniform() < 0.5 ? 1 : 0;
      second[u] = 1 - first[u];
    }
    const Ratio a = per_round(sums, rounds, first), b = per_round(sums, rounds, second);
    const double error = std::hypot(a.standard_error, b.standard_error);
    if (!(error > 0)) throw Error(ErrorKind::kInput, "A/A: the metric does not vary");
    out.push_back(two_sided_p_value((a.value - b.value) / error));
  }
  return out;
}

}  // namespace rehearsal
