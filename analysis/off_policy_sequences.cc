#include "analysis/off_policy_sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

using SequencePoint = std::array<double, 2>;

constexpr double kLeft = 0.5;  // least share of the wealth that a round leaves
// Step of online Newton betting (Cutkosky and Orabona, COLT 2018) for factors of at least 1 / 2.
const double kStep = 2 / (2 - std::log(3.0));
constexpr double kMostBet = 1e6;  // on v = 0, where nothing else bounds it

/// The bets that leave kLeft at (w, r) = (0, any) and (w_max, 0), and so, as lambda_2 >= 0, at all:
/// a triangle. Returns: its corners.
std::array<SequencePoint, 3> allowed(double v, double w_max) {
  const double room = 1 - kLeft;
  const double most = v > room / kMostBet ? room / v : kMostBet;
  return {SequencePoint{-room / (w_max - 1), 0}, SequencePoint{room, 0}, SequencePoint{0, most}};
}

double cross(const SequencePoint& a, const SequencePoint& b, const SequencePoint& p) {
  return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]);
}

/// (x - y)' A (x - y). Args: a: A's entries 11, 12, 22.
double distance(const std::array<double, 3>& a, const SequencePoint& x, const SequencePoint& y) {
  const double d = x[0] - y[0], e = x[1] - y[1];
  return a[0] * d * d + 2 * a[1] * d * e + a[2] * e * e;
}

/// The nearest point of an edge in the norm of A.
SequencePoint onto_edge(const std::array<double, 3>& a, const SequencePoint& from,
                        const SequencePoint& to, const SequencePoint& p) {
  const double d = to[0] - from[0], e = to[1] - from[1];
  const double x = p[0] - from[0], y = p[1] - from[1];
  const double along = a[0] * d * x + a[1] * (d * y + e * x) + a[2] * e * y;
  const double t = std::clamp(along / distance(a, to, from), 0.0, 1.0);
  return {from[0] + t * d, from[1] + t * e};
}

/// The nearest point of a triangle, corners counter-clockwise.
SequencePoint onto(const std::array<SequencePoint, 3>& triangle, const std::array<double, 3>& a,
                   const SequencePoint& p) {
  bool inside = true;
  SequencePoint nearest = triangle[0];
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < 3; ++i) {
    const SequencePoint &from = triangle[i], &to = triangle[(i + 1) % 3];
    inside = inside && cross(from, to, p) >= 0;
    const SequencePoint candidate = onto_edge(a, from, to, p);
    const double d = distance(a, candidate, p);
    if (d < least) {
      least = d;
      nearest = candidate;
    }
  }
  return inside ? p : nearest;
}

}  // namespace

OffPolicyBettingLower::OffPolicyBettingLower(double alpha, double w_max, std::size_t n_steps)
    : log_limit_(-std::log(alpha)), w_max_(w_max), bets_(n_steps), out_(n_steps, 0) {
  if (!(w_max > 1) || std::isinf(w_max))
    throw Error(ErrorKind::kInput,
                fmt::format("off-policy betting: the largest weight is {}, expected a number above "
                            "1",
                            w_max));
}

void OffPolicyBettingLower::step(Bet& bet, double v, double w, double r) const {
  const SequencePoint x{w - 1, w * r - v};
  const double factor = 1 + bet.lambda[0] * x[0] + bet.lambda[1] * x[1];
  bet.log_wealth += std::log(factor);
  const SequencePoint g{x[0] / factor, x[1] / factor};  // of log wealth
  std::array<double, 3>& a = bet.moments;
  a = {a[0] + g[0] * g[0], a[1] + g[0] * g[1], a[2] + g[1] * g[1]};
  const double determinant = a[0] * a[2] - a[1] * a[1];
  const SequencePoint ahead{bet.lambda[0] + kStep * (a[2] * g[0] - a[1] * g[1]) / determinant,
                            bet.lambda[1] + kStep * (a[0] * g[1] - a[1] * g[0]) / determinant};
  bet.lambda = onto(allowed(v, w_max_), a, ahead);
}

void OffPolicyBettingLower::add(double w, double r) {
  if (!(w >= 0 && w <= w_max_))
    throw Error(ErrorKind::kInput,
                fmt::format("off-policy betting: weight {} is not in [0, {}]", w, w_max_));
  if (!(r >= 0 && r <= 1))
    throw Error(ErrorKind::kInput,
                fmt::format("off-policy betting: reward {} is not in [0, 1]", r));
  for (std::size_t k = 0; k < bets_.size(); ++k) {
    if (out_[k] != 0) continue;
    step(bets_[k], static_cast<double>(k) / static_cast<double>(bets_.size()), w, r);
    if (bets_[k].log_wealth >= log_limit_) out_[k] = 1;
  }
}

double OffPolicyBettingLower::lower() const {
  // A candidate at or above the mean is out with probability alpha at most, so the mean may lie
  // just above the last point of the run that is out.
  std::size_t k = 0;
  while (k < out_.size() && out_[k] != 0) ++k;
  return k == 0 ? 0.0 : static_cast<double>(k - 1) / static_cast<double>(out_.size());
}

void OffPolicyBetting::add(double w, double r) {
  lower_.add(w, r);
  upper_.add(w, 1 - r);
  t_ += 1;
  sum_ += w * r;
}

Interval OffPolicyBetting::interval() const {
  return {t_ > 0 ? sum_ / t_ : 0.5, lower_.lower(), 1 - upper_.lower()};
}

}  // namespace rehearsal
