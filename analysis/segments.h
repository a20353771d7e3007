#pragma once

#include <string>
#include <vector>

#include "analysis/evaluate.h"

namespace rehearsal {

/// Places of context features that can cut a log into segments.
/// Raises: Error(kInput) for an unknown name, one that stands twice, and a number.
std::vector<std::size_t> segment_features(const Schema& schema,
                                          const std::vector<std::string>& names,
                                          const std::string& where);

/// evaluate() on the rounds of each level of each feature by itself, reward models included. Each
/// interval is at options.confidence on its own; the p-values of lifts are corrected (Holm) for all
/// levels of all features and all candidates, metric by metric and estimator by estimator.
/// Args: features: of segment_features.  Others: as of evaluate().
/// Returns: segments[candidate], feature by feature, levels that have rounds.
std::vector<std::vector<SegmentEstimates>> evaluate_segments(
    const RoundSource& rounds, const LogInfo& info, const std::vector<Candidate>& candidates,
    const Policy* behavior, int baseline, const Rng& rng, const EvaluateOptions& options,
    const std::vector<std::size_t>& features);

}  // namespace rehearsal
