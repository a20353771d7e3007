#pragma once

#include <span>
#include <string>
#include <vector>

namespace rehearsal {

/// One column of importance weights, summed (estimators.md D.4).
struct WeightStats {
  static constexpr std::size_t kLargest = 64;

  double n = 0;
  double sum = 0;
  double sum_squares = 0;
  double n_zero = 0;
  std::vector<double> largest;  // descending, at most kLargest

  /// Until settle() `largest` is a heap; no single weight may be added after it.
  void add(double weight);
  /// Brings `largest` in order after a run of add().
  void settle();
  void add(const WeightStats& other);

  double ess() const { return sum_squares > 0 ? sum * sum / sum_squares : 0; }
  double max() const { return largest.empty() ? 0 : largest.front(); }
  double mean() const { return n > 0 ? sum / n : 0; }
  double mean_standard_error() const;
};

/// A policy's probability mass where the behaviour shows nothing.
struct SupportGap {
  double mass = 0;        // share of its slots, 0 to 1
  std::string where;      // the worst place, such as "similar at slot 2"
  double worst_mass = 0;  // its share of pages
};

/// Plain-language warnings about weights of an estimator; empty when all is well.
/// Args: stats: one a slot for slot-wise weights, else one.  n_rounds: of the log.
std::vector<std::string> weight_warnings(std::span<const WeightStats> stats, double n_rounds);
/// The same about support. Args: gap: null where it is not known.
std::vector<std::string> support_warnings(const SupportGap* gap);

/// 41238 as "41,238".
std::string with_commas(double n);

}  // namespace rehearsal
