#pragma once

#include <span>
#include <vector>

#include "sim/slate/draw_grid.h"

namespace rehearsal {

/// Exact probabilities of the descending order of independent draws, to 1e-8.
/// Args: columns: (n_choices) each choice's draw in the grid.  slate: indices into columns.

/// Of every prefix of a slate, by nested one-dimensional quadrature.
std::vector<double> draw_prefixes(const DrawGrid& grid, std::span<const std::size_t> columns,
                                  std::span<const std::uint16_t> slate);
/// P(choice c at position k), (n_positions, n_choices), by Poisson-binomial quadrature.
std::vector<double> draw_marginals(const DrawGrid& grid, std::span<const std::size_t> columns,
                                   std::size_t n_positions);
/// Pair marginals, (n_positions * n_choices, the same), by going through all slates.
std::vector<double> draw_pairs(const DrawGrid& grid, std::span<const std::size_t> columns,
                               std::size_t n_positions);

}  // namespace rehearsal
