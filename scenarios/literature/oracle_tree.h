#pragma once

#include <span>

#include "analysis/influence_tree.h"

namespace rehearsal {

/// The tree that the published code of adaptive importance weights grows (Kiyohara et al., KDD
/// 2023), an oracle: a candidate's bias is the distance of its mean over logs drawn anew from the
/// true value, with 30 % of noise. Splits and sizes as in InfluenceOptions.
/// Args: log: one position's; candidates in any order, the last one's variance a lower bound.
///       anew: logs of the same position and size that the estimate does not count.  value: true.
/// Returns: the log's estimate by the tree's weights.
double oracle_tree_estimate(const InfluenceProblem& log, std::span<const InfluenceProblem> anew,
                            double value, const InfluenceOptions& options, Stream& stream);

}  // namespace rehearsal
