#pragma once

#include <string>
#include <vector>

#include "analysis/results.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Per-user sums of one policy in the live experiment: (n_users, n_metrics) each.
struct LiveSums {
  RowMatrix exact;  // empty without closed forms
  RowMatrix sampled;
};

/// Values and lifts of every policy against the baseline, users as the unit; ratios by the delta
/// method. The A/B test gives even-numbered users (after a fixed shuffle, `arm`) to the baseline.
/// Args: rounds: (n_users).  arm: (n_users) 0 baseline, 1 candidate.
/// Fills live and lift of results[p], p in the order of sums.
void live_statistics(const std::vector<LiveSums>& sums, const std::vector<std::uint32_t>& rounds,
                     const std::vector<std::uint8_t>& arm, const std::vector<std::string>& metrics,
                     std::size_t baseline, double confidence, std::vector<PolicyResult>& results);

}  // namespace rehearsal
