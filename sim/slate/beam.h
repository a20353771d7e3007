#pragma once

#include <functional>
#include <vector>

#include "sim/core/types.h"
#include "sim/slate/prefixes.h"

namespace rehearsal {

/// Values of prefixes that are one choice longer, -infinity for one that may not be; a choice that
/// the prefix holds is ignored. Args: values: (prefixes.n) of the prefixes.
///       longer: (prefixes.n, n_choices).
using Extend = std::function<void(const Prefixes& prefixes, std::span<const double> values,
                                  Eigen::Ref<RowMatrix> longer)>;

/// A slate found by beam search: at every position the `width` prefixes of the largest values are
/// kept; equal ones in the order of their choices. With a width of at least the number of slates it
/// is the best of all.
/// Args: n_positions: <= n_choices.
/// Returns: (n_positions); shorter where nothing may follow any prefix.
std::vector<std::uint16_t> beam_search(std::size_t n_choices, std::size_t n_positions,
                                       std::size_t width, const Extend& extend);

}  // namespace rehearsal
