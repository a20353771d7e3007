#include "analysis/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "analysis/intervals.h"
#include "sim/core/error.h"

namespace rehearsal {

void WeightStats::add(double weight) {
  n += 1;
  sum += weight;
  sum_squares += weight * weight;
  if (weight == 0) n_zero += 1;
  // `largest` is a heap with its least value in front until settle().
  if (largest.size() == kLargest && weight <= largest.front()) return;
  largest.push_back(weight);
  std::push_heap(largest.begin(), largest.end(), std::greater<>());
  if (largest.size() <= kLargest) return;
  std::pop_heap(largest.begin(), largest.end(), std::greater<>());
  largest.pop_back();
}

void WeightStats::settle() { std::sort(largest.begin(), largest.end(), std::greater<>()); }

void WeightStats::add(const WeightStats& other) {
  n += other.n;
  sum += other.sum;
  sum_squares += other.sum_squares;
  n_zero += other.n_zero;
  largest.insert(largest.end(), other.largest.begin(), other.largest.end());
  settle();
  if (largest.size() > kLargest) largest.resize(kLargest);
}

double WeightStats::mean_standard_error() const {
  if (n < 2) return 0;
  const double variance = std::max(0.0, sum_squares - sum * sum / n) / (n - 1);
  return std::sqrt(variance / n);
}

double ParetoTail::quantile(double p) const {
  const double log_left = std::log1p(-p);
  if (std::abs(k) < 1e-12) return cutoff - sigma * log_left;
  return cutoff + sigma * std::expm1(-k * log_left) / k;
}

namespace {

/// Zhang and Stephens' estimate for excesses above 0. Args: x: ascending, the quartile above 0.
ParetoTail fit_pareto(std::span<const double> x) {
  const std::size_t m = x.size();
  const double n = static_cast<double>(m);
  const double largest = x[m - 1], quartile = x[static_cast<std::size_t>(n / 4 + 0.5) - 1];
  const auto shape = [&](double b) {
    double sum = 0;
    for (const double value : x) sum += std::log1p(-b * value);
    return sum / n;
  };
  const std::size_t n_grid = 30 + static_cast<std::size_t>(std::sqrt(n));
  std::vector<double> b(n_grid), likelihood(n_grid);
  for (std::size_t j = 0; j < n_grid; ++j) {
    const double place = static_cast<double>(n_grid) / (static_cast<double>(j) + 0.5);
    b[j] = 1 / largest + (1 - std::sqrt(place)) / (3 * quartile);
    const double k = shape(b[j]);
    likelihood[j] = n * (std::log(-b[j] / k) - k - 1);
  }
  const double best = *std::max_element(likelihood.begin(), likelihood.end());
  double mean = 0, sum = 0;
  for (std::size_t j = 0; j < n_grid; ++j) {
    const double p = std::exp(likelihood[j] - best);
    mean += p * b[j];
    sum += p;
  }
  mean /= sum;
  ParetoTail out;
  out.n = m;
  out.raw_k = shape(mean);
  out.sigma = -out.raw_k / mean;
  out.k = (n * out.raw_k + 5) / (n + 10);
  return out;
}

}  // namespace

std::optional<ParetoTail> pareto_tail(std::span<const double> largest, double n) {
  if (largest.empty()) return std::nullopt;
  const double wanted = std::min(std::floor(n / 5), std::ceil(3 * std::sqrt(n)));
  const std::size_t m = std::min(static_cast<std::size_t>(wanted), largest.size() - 1);
  if (m < 5) return std::nullopt;
  const double cutoff = largest[m];
  std::vector<double> excess(m);
  for (std::size_t j = 0; j < m; ++j) excess[m - 1 - j] = largest[j] - cutoff;
  const std::size_t quartile = static_cast<std::size_t>(static_cast<double>(m) / 4 + 0.5) - 1;
  // Excesses that differ by rounding alone are equal.
  if (excess[quartile] <= 1e-12 * std::abs(largest[0])) return std::nullopt;
  ParetoTail tail = fit_pareto(excess);
  if (!std::isfinite(tail.k)) return std::nullopt;
  tail.cutoff = cutoff;
  return tail;
}

std::vector<double> smoothed_weights(std::span<const double> weights) {
  std::vector<std::size_t> order(weights.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  std::vector<double> sorted, out(weights.begin(), weights.end());
  for (const std::size_t i : order) sorted.push_back(weights[i]);
  const auto tail = pareto_tail(sorted, static_cast<double>(sorted.size()));
  if (!tail) return out;
  for (std::size_t j = 0; j < tail->n; ++j) {
    const double p = 1 - (static_cast<double>(j) + 0.5) / static_cast<double>(tail->n);
    out[order[j]] = std::min(tail->quantile(p), sorted[0]);
  }
  return out;
}

WeightDiagnostics diagnose(const WeightStats& stats, double confidence) {
  WeightDiagnostics out;
  out.ess = stats.ess();
  out.largest_share = stats.sum > 0 ? stats.max() / stats.sum : 0;
  out.mean = normal_interval(stats.mean(), stats.mean_standard_error(), confidence);
  out.zero_share = stats.n > 0 ? stats.n_zero / stats.n : 0;
  if (const auto tail = pareto_tail(stats.largest, stats.n)) out.pareto_k = tail->k;
  return out;
}

WeightDiagnostics diagnose(std::span<const double> weights, double confidence) {
  WeightStats stats;
  for (const double w : weights) stats.add(w);
  stats.settle();
  return diagnose(stats, confidence);
}

double clipped_mass(std::span<const double> weights, std::span<const double> shrunken) {
  REHEARSAL_CHECK(weights.size() == shrunken.size());
  double taken = 0, sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    taken += weights[i] - shrunken[i];
    sum += weights[i];
  }
  return sum > 0 ? taken / sum : 0;
}

std::string with_commas(double n) {
  const std::string digits = fmt::format("{:.0f}", n);
  std::string out;
  for (std::size_t j = 0; j < digits.size(); ++j) {
    if (j > 0 && (digits.size() - j) % 3 == 0) out.push_back(',');
    out.push_back(digits[j]);
  }
  return out;
}

namespace {

/// How many of the largest weights carry half of the total; 0 where more than are kept.
std::size_t carriers_of_half(const WeightStats& stats) {
  double sum = 0;
  for (std::size_t j = 0; j < stats.largest.size(); ++j) {
    sum += stats.largest[j];
    if (sum >= 0.5 * stats.sum) return j + 1;
  }
  return 0;
}

}  // namespace

std::string WeightUnit::name_of(std::size_t place_index) const {
  if (n_columns == 0) return fmt::format("{} {}", place, place_index);
  return fmt::format("{} {}, position {}", place, place_index / n_columns, place_index % n_columns);
}

std::vector<std::string> weight_warnings(std::span<const WeightStats> stats, double n_rounds,
                                         const WeightUnit& unit) {
  constexpr double kFewRounds = 100;
  constexpr double kHeavyTail = 0.7;
  std::vector<std::string> warnings;
  const auto slot = [&](std::size_t k) {
    return stats.size() > 1 ? " at " + unit.name_of(k) : std::string();
  };
  const auto once = [&](auto&& check) {
    for (std::size_t k = 0; k < stats.size(); ++k) {
      const std::string text = check(stats[k], k);
      if (!text.empty()) return warnings.push_back(text);
    }
  };
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    if (w.sum != 0 || w.n == 0) return "";
    return fmt::format("do not trust: no logged {} could have come from this policy{}", unit.one,
                       slot(k));
  });
  if (!warnings.empty()) return warnings;
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    const std::size_t few = carriers_of_half(w);
    if (few == 0 || static_cast<double>(few) > 0.01 * w.n) return "";
    return fmt::format("do not trust: {} of {} {}s carry{} half the weight{}", few,
                       with_commas(w.n), unit.one, few == 1 ? "s" : "", slot(k));
  });
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    const auto tail = pareto_tail(w.largest, w.n);
    if (!tail || tail->k <= kHeavyTail) return "";
    return fmt::format(
        "do not trust: the weights' tail is so heavy (Pareto k {:.2f} above {}) that neither value "
        "nor interval settles{}",
        tail->k, kHeavyTail, slot(k));
  });
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    if (w.ess() >= std::min(kFewRounds, 0.5 * n_rounds)) return "";
    return fmt::format("the weights leave as much as {:.1f} {}s of {}{}", w.ess(), unit.one,
                       with_commas(n_rounds), slot(k));
  });
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    const double error = w.mean_standard_error();
    if (std::abs(w.mean() - 1) <= 4 * error + 1e-9) return "";
    return fmt::format(
        "the mean weight is {:.3f} +- {:.3f}{} where 1 is expected: support is "
        "missing or the propensities are wrong",
        w.mean(), error, slot(k));
  });
  return warnings;
}

void set_weight_diagnostics(std::span<const WeightStats> stats, double n_rounds, Estimate& out,
                            const WeightUnit& unit) {
  out.ess = n_rounds;
  out.max_weight = 0;
  double furthest = -1;  // standard errors of the mean from 1
  for (const WeightStats& each : stats) {
    const WeightDiagnostics own = diagnose(each, out.confidence);
    out.ess = std::min(out.ess, own.ess);
    out.max_weight = std::max(out.max_weight, each.max());
    out.zero_weight_share = std::max(out.zero_weight_share, own.zero_share);
    if (own.pareto_k) out.pareto_k = std::max(out.pareto_k.value_or(*own.pareto_k), *own.pareto_k);
    const double off = std::abs(each.mean() - 1) / std::max(each.mean_standard_error(), 1e-12);
    if (off <= furthest) continue;
    furthest = off;
    out.mean_weight = own.mean;
  }
  const std::vector<std::string> warnings = weight_warnings(stats, n_rounds, unit);
  out.warnings.insert(out.warnings.end(), warnings.begin(), warnings.end());
}

std::vector<std::string> support_warnings(const SupportGap* gap) {
  if (gap == nullptr || gap->mass <= 1e-9) return {};
  return {
      fmt::format("{:.2f} % of its {} show what the behavior never shows there (most: {}, "
                  "{:.2f} % of pages); the log cannot judge these",
                  100 * gap->mass, gap->of, gap->where, 100 * gap->worst_mass)};
}

}  // namespace rehearsal
