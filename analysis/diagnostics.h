#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// One column of importance weights, summed.
struct WeightStats {
  /// Enough for the Pareto tail, ceil(3 sqrt(n)), of 116,000 weights; beyond, the tail that is
  /// fitted is shorter than the usual one: less bias, a standard error of k of about (1 + k) / 32.
  static constexpr std::size_t kLargest = 1024;

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

/// A generalized Pareto distribution of what weights have above `cutoff`.
struct ParetoTail {
  std::size_t n = 0;  // weights in it
  double cutoff = 0;
  double k = 0;      // shape, regularized: below 0.5 good, to 0.7 bearable, above not to be trusted
  double raw_k = 0;  // as fitted
  double sigma = 0;  // scale

  /// Args: p: in (0, 1). Returns: a weight.
  double quantile(double p) const;
};

/// Fits the tail (Zhang and Stephens, Technometrics 2009; regularized as in Vehtari et al., JMLR
/// 2024): the largest min(floor(n / 5), ceil(3 sqrt(n))) of n weights, or as many as are given.
/// Args: largest: descending; all n or the first of them.
/// Returns: nothing for fewer than 5 in the tail, and where so many are equal that there is no tail
/// to fit (weights of a few levels only).
std::optional<ParetoTail> pareto_tail(std::span<const double> largest, double n);
/// Pareto-smoothed weights: the tail replaced by its quantiles at (j - 1/2) / M, none above the
/// largest weight; the weights themselves where there is no tail. Order is kept.
std::vector<double> smoothed_weights(std::span<const double> weights);

/// What weights say of an estimate made with them.
struct WeightDiagnostics {
  double ess = 0;            // (sum w)^2 / sum w^2
  double largest_share = 0;  // of the sum
  Interval mean;             // must hold 1
  double zero_share = 0;
  std::optional<double> pareto_k;
};
WeightDiagnostics diagnose(const WeightStats& stats, double confidence);
WeightDiagnostics diagnose(std::span<const double> weights, double confidence);

/// What weights belong to, for messages.
struct WeightUnit {
  const char* one;
  const char* place;          // in it
  std::size_t n_columns = 0;  // > 0: places are rows of so many items

  std::string name_of(std::size_t place_index) const;
};
inline constexpr WeightUnit kPages{"page", "slot"};
inline constexpr WeightUnit kSessions{"session", "round"};

/// Writes what its weights say into an estimate: the worst slot's number of each kind, warnings
/// after those that are there. Args: stats: as of weight_warnings.
void set_weight_diagnostics(std::span<const WeightStats> stats, double n_rounds, Estimate& out,
                            const WeightUnit& unit = kPages);

/// sum (w - w_hat) / sum w: the share of the weight that clipping or shrinking takes away.
double clipped_mass(std::span<const double> weights, std::span<const double> shrunken);

/// A policy's probability mass where the behaviour shows nothing.
struct SupportGap {
  double mass = 0;        // share of its slots or items, 0 to 1
  std::string where;      // the worst place, such as "similar at slot 2"
  double worst_mass = 0;  // its share of pages
  const char* of = "slots";
};

/// Plain-language warnings about weights of an estimator; empty when all is well: no logged page
/// counts, a few carry half the weight, a heavy tail (Pareto k above 0.7), few effective rounds, a
/// mean weight 4 standard errors or more from 1.
/// Args: stats: one a slot for slot-wise weights, else one.  n_rounds: of the log.
std::vector<std::string> weight_warnings(std::span<const WeightStats> stats, double n_rounds,
                                         const WeightUnit& unit = kPages);
/// The same about support. Args: gap: null where it is not known.
std::vector<std::string> support_warnings(const SupportGap* gap);

/// 41238 as "41,238".
std::string with_commas(double n);

}  // namespace rehearsal
