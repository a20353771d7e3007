#include "analysis/diagnostics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

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

std::vector<std::string> weight_warnings(std::span<const WeightStats> stats, double n_rounds) {
  constexpr double kFewRounds = 100;
  std::vector<std::string> warnings;
  const auto slot = [&](std::size_t k) {
    return stats.size() > 1 ? fmt::format(" at slot {}", k) : std::string();
  };
  const auto once = [&](auto&& check) {
    for (std::size_t k = 0; k < stats.size(); ++k) {
      const std::string text = check(stats[k], k);
      if (!text.empty()) return warnings.push_back(text);
    }
  };
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    if (w.sum != 0 || w.n == 0) return "";
    return fmt::format("do not trust: no logged page could have come from this policy{}", slot(k));
  });
  if (!warnings.empty()) return warnings;
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    const std::size_t few = carriers_of_half(w);
    if (few == 0 || static_cast<double>(few) > 0.01 * w.n) return "";
    return fmt::format("do not trust: {} of {} pages carry{} half the weight{}", few,
                       with_commas(w.n), few == 1 ? "s" : "", slot(k));
  });
  once([&](const WeightStats& w, std::size_t k) -> std::string {
    if (w.ess() >= std::min(kFewRounds, 0.5 * n_rounds)) return "";
    return fmt::format("the weights leave as much as {:.1f} pages of {}{}", w.ess(),
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

std::vector<std::string> support_warnings(const SupportGap* gap) {
  if (gap == nullptr || gap->mass <= 1e-9) return {};
  return {
      fmt::format("{:.2f} % of its slots show what the behavior never shows there (most: {}, "
                  "{:.2f} % of pages); the log cannot judge these",
                  100 * gap->mass, gap->where, 100 * gap->worst_mass)};
}

}  // namespace rehearsal
