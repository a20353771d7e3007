#pragma once

#include <memory>
#include <vector>

#include "sim/slate.h"

namespace rehearsal {

/// The choices by descending score, equal ones in uniformly random order; closed forms. An index
/// policy that has seen nothing yet explores by it.
/// Args: scores: (n_choices in all). Raises: Error(kRuntime) for a score that is not a number.
std::unique_ptr<SlateDistribution> make_tied(Offsets choice_offsets,
                                             std::vector<std::uint16_t> n_positions,
                                             std::vector<double> scores);

}  // namespace rehearsal
