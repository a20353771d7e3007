#pragma once

#include <span>

#include "sim/core/simd.h"

namespace rehearsal {

/// The standard normal quantile, relative error below 1e-15 (Wichura, Applied Statistics 37, 1988,
/// algorithm AS 241): turns one addressed uniform into one normal number.
/// Args: p: in (0, 1).
double normal_quantile(double p);
/// In bulk: replaces every p by its quantile, to the last bit.
void normal_quantiles(std::span<double> p, Simd simd = best_simd());

}  // namespace rehearsal
