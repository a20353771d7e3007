#pragma once

#include <memory>
#include <vector>

#include "sim/slate.h"

namespace rehearsal {

/// Choices ordered by independent normal draws, one a choice and slate (Thompson sampling of linear
/// models). Order probabilities by nested one-dimensional quadrature, marginals by
/// Poisson-binomial quadrature, to 1e-8.
/// Args: means, deviations: (n_choices in all), deviations above 0.
/// Raises: Error(kRuntime) for a draw that is not finite or has no spread.
std::unique_ptr<SlateDistribution> make_normal_draws(Offsets choice_offsets,
                                                     std::vector<std::uint16_t> n_positions,
                                                     std::vector<double> means,
                                                     std::vector<double> deviations);

}  // namespace rehearsal
