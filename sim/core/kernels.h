#pragma once

#include <cstddef>

#include "sim/core/simd.h"

namespace rehearsal {

/// lower(a) += v z z'. Args: z: (n), a: (n, n) row-major; n a multiple of 4. Elements above the
/// diagonal are unspecified.
void add_outer(double v, const double* z, std::size_t n, double* a, Simd simd = best_simd());

/// sums += a' b, each element row after row of a and b.
/// Args: a: (n_rows, n_a) and b: (n_rows, n_b), row-major.  sums: (n_a, n_b), row-major.
void add_products(const double* a, std::size_t n_a, const double* b, std::size_t n_b,
                  std::size_t n_rows, double* sums, Simd simd = best_simd());

}  // namespace rehearsal
