#pragma once

#include <cstdint>
#include <map>
#include <span>

#include "analysis/term_sums.h"

namespace rehearsal {

/// Precision weights of several logging policies (Agarwal et al., KDD 2017; Kallus et al., ICML
/// 2021), stratum by stratum: the mean of direct_i + W_k weighted_i, where W_k = n / (var_k sum_j
/// n_j / var_j) and var_k is the variance (ddof 0) of direct + weighted in stratum k. Memory grows
/// with the strata alone.
class StratumSums {
 public:
  /// Args: direct: (n) terms that count alike in every stratum; empty: 0.  weighted: (n).
  ///       stratum: (n) ids.
  void add(std::span<const double> direct, std::span<const double> weighted,
           std::span<const std::uint32_t> stratum);
  /// Sums of other rounds.
  void add(const StratumSums& other);
  /// Whether terms vary in every stratum: without that there are no weights.
  bool varies() const;
  /// The standard error takes the weights as known.
  PointEstimate estimate() const;

 private:
  std::map<std::uint32_t, TermSums> strata_;  // of (direct, weighted)
};

}  // namespace rehearsal
