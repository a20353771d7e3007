#pragma once

#include <utility>
#include <vector>

#include "sim/slate.h"

namespace rehearsal {

/// The slates that a decision may come to, each with its probability; they sum to 1.
using ListedSlates = std::vector<std::pair<std::vector<std::uint16_t>, double>>;

/// A distribution that is written out, decision by decision: everything is by summing over it.
/// Args: lists: (n), each with at least one slate of n_positions choices.
std::unique_ptr<SlateDistribution> make_listed(Offsets choice_offsets,
                                               std::vector<std::uint16_t> n_positions,
                                               std::vector<ListedSlates> lists, bool deterministic);

}  // namespace rehearsal
