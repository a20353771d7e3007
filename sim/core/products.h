#pragma once

#include <cstddef>

#include "sim/core/simd.h"

namespace rehearsal {

/// A matrix of floats in memory: element (i, j) is data[i * row + j * column].
struct MatrixView {
  const float* data = nullptr;
  std::size_t row = 0;
  std::size_t column = 1;
};

/// c = a b, or c += a b. Every element takes its terms one after another, in the order of k and
/// without fused multiply-add: it depends neither on the machine nor on the rows beside it, so that
/// one row scores as it does in a batch.
/// Args: a: (m, k).  b: (k, n), row-major.  c: (m, n), row-major, apart from a and b.
void multiply(const MatrixView& a, const float* b, std::size_t m, std::size_t k, std::size_t n,
              bool add, float* c, Simd simd = best_simd());

}  // namespace rehearsal
