#include "analysis/confidence_sequences.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/math/special_functions/gamma.hpp>
#include <boost/math/special_functions/lambert_w.hpp>
#include <boost/math/tools/roots.hpp>
#include <cmath>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

double checked_alpha(double alpha) {
  if (!(alpha > 0 && alpha < 1))
    throw Error(ErrorKind::kInput,
                fmt::format("confidence sequence: alpha {} is not between 0 and 1", alpha));
  return alpha;
}

double checked_above_0(const char* what, double value) {
  if (!(value > 0) || !std::isfinite(value))
    throw Error(ErrorKind::kInput,
                fmt::format("confidence sequence: {} {} is not above 0", what, value));
  return value;
}

void check_term(double y, double low, double high) {
  if (!(y >= low && y <= high) || !std::isfinite(y))
    throw Error(ErrorKind::kInput,
                fmt::format("confidence sequence: term {} is outside [{}, {}]", y, low, high));
}

/// The bet that is best for terms of this variance (Waudby-Smith and Ramdas, equation 26).
double predictable_bet(const PredictableMoments& before, double log_term) {
  const double t = before.t() + 1;
  return std::sqrt(2 * log_term / (before.variance() * t * std::log(1 + t)));
}

}  // namespace

void PredictableMoments::add(double y) {
  t_ += 1;
  sum_ += y;
  const double mean = (0.5 + sum_) / (t_ + 1);
  squares_ += (y - mean) * (y - mean);
}

// --- hedged betting ----------------------------------------------------------------------------

HedgedBetting::HedgedBetting(double alpha, std::size_t n_steps, bool running)
    : alpha_(checked_alpha(alpha)), running_(running), out_(n_steps + 1, 0) {
  if (n_steps < 2)
    throw Error(ErrorKind::kInput, "confidence sequence: the grid has fewer than 2 steps");
  for (Side* side : {&up_, &down_}) {
    side->log_wealth.assign(n_steps + 1, 0.0);
    side->recent.assign(n_steps + 1, 1.0);
    side->limit.assign(n_steps + 1, 2 / alpha);
  }
}

void HedgedBetting::add(double y) {
  constexpr double kMostOfWealth = 0.5;  // a bet never risks more of it
  constexpr int kFold = 16;              // factors lie in [1/2, 1 + n_steps / 2]: no overflow
  check_term(y, 0, 1);
  const double bet = predictable_bet(moments_, std::log(2 / alpha_));
  moments_.add(y);
  const double step = 1 / static_cast<double>(out_.size() - 1);
  for (std::size_t j = 0; j < out_.size(); ++j) {
    const double m = static_cast<double>(j) * step;
    up_.recent[j] *= 1 + std::min(bet, kMostOfWealth / m) * (y - m);
    down_.recent[j] *= 1 - std::min(bet, kMostOfWealth / (1 - m)) * (y - m);
    const bool out = up_.recent[j] >= up_.limit[j] || down_.recent[j] >= down_.limit[j];
    out_[j] = out || (running_ && out_[j] != 0) ? 1 : 0;
  }
  if (++n_recent_ < kFold) return;
  fold(up_);
  fold(down_);
  n_recent_ = 0;
}

void HedgedBetting::fold(Side& side) const {
  const double log_limit = std::log(2 / alpha_);
  for (std::size_t j = 0; j < side.recent.size(); ++j) {
    side.log_wealth[j] += std::log(side.recent[j]);
    side.recent[j] = 1;
    side.limit[j] = std::exp(log_limit - side.log_wealth[j]);
  }
}

Interval HedgedBetting::kept() const {
  const double step = 1 / static_cast<double>(out_.size() - 1);
  Interval out{0, 1, 0};
  for (std::size_t j = 0; j < out_.size(); ++j) {
    if (out_[j] != 0) continue;
    out.low = std::min(out.low, static_cast<double>(j) * step);
    out.high = std::max(out.high, static_cast<double>(j) * step);
  }
  out.value = moments_.t() > 0 ? moments_.sum() / moments_.t() : 0.5;
  return out;
}

Interval HedgedBetting::interval() const {
  const double step = 1 / static_cast<double>(out_.size() - 1);
  Interval out = kept();
  out.low = std::max(0.0, out.low - step);
  out.high = std::min(1.0, out.high + step);
  return out;
}

// --- empirical Bernstein -----------------------------------------------------------------------

EmpiricalBernsteinLower::EmpiricalBernsteinLower(double alpha, double ceiling)
    : log_term_(std::log(1 / checked_alpha(alpha))), ceiling_(checked_above_0("ceiling", ceiling)) {
  if (ceiling > 1)
    throw Error(ErrorKind::kInput,
                fmt::format("confidence sequence: ceiling {} is above 1", ceiling));
}

void EmpiricalBernsteinLower::add(double y) {
  check_term(y, ceiling_ - 1 - 1e-12, kInfinity);
  const double bet = std::min(0.5, predictable_bet(moments_, log_term_));
  const double mean = moments_.t() > 0 ? std::min(ceiling_, moments_.sum() / moments_.t()) : 0.0;
  bets_ += bet;
  bet_terms_ += bet * y;
  penalty_ += (y - mean) * (y - mean) * (-std::log1p(-bet) - bet);
  moments_.add(y);
}

double EmpiricalBernsteinLower::lower() const {
  return bets_ > 0 ? (bet_terms_ - log_term_ - penalty_) / bets_ : -kInfinity;
}

void EmpiricalBernsteinSequence::add(double y) {
  check_term(y, 0, 1);
  lower_.add(y);
  upper_.add(1 - y);
  t_ += 1;
  sum_ += y;
}

Interval EmpiricalBernsteinSequence::interval() const {
  return {t_ > 0 ? sum_ / t_ : 0.5, std::max(0.0, lower_.lower()),
          1 - std::max(0.0, upper_.lower())};
}

// --- normal mixtures ---------------------------------------------------------------------------

double normal_mixture_boundary(double v, double v_opt, double alpha) {
  checked_alpha(alpha);
  const double log_term = 2 * std::log(1 / alpha);
  const double rho = checked_above_0("v_opt", v_opt) / (log_term + std::log1p(log_term));
  return std::sqrt((v + rho) * (std::log1p(v / rho) + log_term));
}

void NormalMixture::add(double y) {
  check_term(y, -kInfinity, kInfinity);
  t_ += 1;
  sum_ += y;
}

Interval NormalMixture::interval() const {
  if (t_ == 0) return {0, -kInfinity, kInfinity};
  const double half = normal_mixture_boundary(t_ * variance_, t_opt_ * variance_, alpha_) / t_;
  return {sum_ / t_, sum_ / t_ - half, sum_ / t_ + half};
}

double asymptotic_margin(double t, double sigma, double rho_squared, double alpha) {
  const double grown = t * checked_above_0("rho^2", rho_squared) + 1;
  return sigma * std::sqrt(2 * grown * std::log(std::sqrt(grown) / checked_alpha(alpha)) /
                           (t * t * rho_squared));
}

double asymptotic_rho_squared(double t_opt, double alpha) {
  const double argument = -checked_alpha(alpha) * alpha * std::exp(-1.0);
  return (-boost::math::lambert_wm1(argument) - 1) / checked_above_0("t_opt", t_opt);
}

void AsymptoticSequence::add(double y) {
  check_term(y, -kInfinity, kInfinity);
  t_ += 1;
  const double d = y - mean_;
  mean_ += d / t_;
  squares_ += d * (y - mean_);
}

Interval AsymptoticSequence::interval() const {
  if (t_ < 2) return {mean_, -kInfinity, kInfinity};
  const double half = asymptotic_margin(t_, std::sqrt(squares_ / t_), rho_squared_, alpha_);
  return {mean_, mean_ - half, mean_ + half};
}

// --- off-policy --------------------------------------------------------------------------------

void GammaExponentialLower::add(double x) {
  check_term(x, 0, kInfinity);
  checked_alpha(alpha_);
  double predicted = (sum_ + 0.5) / (t_ + 1);
  if (x_hat_ == XHat::kClipped) predicted = std::min(1.0, predicted);
  t_ += 1;
  sum_ += x;
  variance_ += (x - predicted) * (x - predicted);
}

double GammaExponentialLower::lower() const {
  constexpr double kRho = 1;
  if (t_ == 0) return 0;
  const double a = variance_ + kRho;
  const auto log_gamma_lower = [](double shape, double x) {
    return boost::math::lgamma(shape) + std::log(boost::math::gamma_p(shape, x));
  };
  const double start = kRho * std::log(kRho) - log_gamma_lower(kRho, kRho);
  const auto excess = [&](double mean) {
    const double s = sum_ - t_ * mean;
    return s + variance_ + start - a * std::log(s + a) + log_gamma_lower(a, s + a) +
           std::log(alpha_);
  };
  const double high = std::min(1.0, sum_ / t_);
  if (excess(0) <= 0) return 0;
  if (excess(high) >= 0) return high;
  std::uintmax_t steps = 200;
  const auto found = boost::math::tools::toms748_solve(
      excess, 0.0, high, boost::math::tools::eps_tolerance<double>(50), steps);
  return found.first;
}

DoublyRobustSequence::DoublyRobustSequence(double alpha, double k)
    : k_(k), lower_(alpha / 2, 1 / (k + 1)), upper_(alpha / 2, 1 / (k + 1)) {
  if (!(k >= 0) || !std::isfinite(k))
    throw Error(ErrorKind::kInput, fmt::format("confidence sequence: k {} is below 0", k));
}

void DoublyRobustSequence::add(const WeightedOutcome& round, double direct_lower,
                               double direct_upper) {
  check_term(round.reward, 0, 1);
  check_term(round.q_hat, 0, 1);
  check_term(round.weight, 0, kInfinity);
  const double most = round.weight > 0 ? k_ / round.weight : kInfinity;
  const double f = std::min(round.q_hat, most), g = std::min(1 - round.q_hat, most);
  const double phi = round.weight * (round.reward - f) + direct_lower;
  const double psi = round.weight * (1 - round.reward - g) + direct_upper;
  lower_.add(phi / (k_ + 1));
  upper_.add(psi / (k_ + 1));
  t_ += 1;
  sum_ += phi;
}

void DoublyRobustSequence::add(const WeightedOutcome& round) {
  if (round.weight > k_)
    throw Error(ErrorKind::kInput,
                fmt::format("confidence sequence: weight {} is above k = {}", round.weight, k_));
  add(round, round.direct, 1 - round.direct);
}

Interval DoublyRobustSequence::interval() const {
  return {t_ > 0 ? sum_ / t_ : 0.5, std::max(0.0, (k_ + 1) * lower_.lower()),
          1 - std::max(0.0, (k_ + 1) * upper_.lower())};
}

}  // namespace rehearsal
