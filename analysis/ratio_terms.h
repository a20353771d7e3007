#pragma once

#include <span>

#include "analysis/term_sums.h"

namespace rehearsal {

/// A value and its standard error by the delta method from all terms at once, whatever the number
/// of columns. Args: terms: (rounds, layout.n_columns), row-major, not empty.
PointEstimate estimate_terms(const TermLayout& layout, std::span<const double> terms);

}  // namespace rehearsal
