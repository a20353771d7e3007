#pragma once

#include <limits>
#include <span>

#include "analysis/action_rounds.h"

namespace rehearsal {

/// What the importance weights can be, by what the policies are: not read off a sample.
struct WeightRange {
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
};

/// Empirical likelihood (Kallus and Uehara, NeurIPS 2019; Karampatziakis et al., ICML 2020): the
/// likeliest distribution of (w, r) with E[w] = 1, mass that no round has at the mean reward.
/// Args: weight, reward: (n), n > 0, weights in the range.
/// Returns: value within the rewards' range where they are all alike; asymptotic standard error.
/// Raises: Error(kInput) for no rounds, and for a weight outside the range.
PointEstimate empirical_likelihood(std::span<const double> weight, std::span<const double> reward,
                                   const WeightRange& range = {});

/// The same by the Cressie-Read divergence of power -2: a closed form of five sums.
PointEstimate cressie_read(std::span<const double> weight, std::span<const double> reward,
                           const WeightRange& range = {});

}  // namespace rehearsal
