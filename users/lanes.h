#pragma once

// Eight floats at a time, for kernels that are compiled twice (with and without AVX2). Without AVX2
// the compiler makes two halves of a register; every element sees the same operations in the same
// order, so no byte depends on it. Everything is passed by reference: vectors by value have another
// calling convention on each target.

#include <cstddef>
#include <cstdint>

#include "sim/core/simd.h"

#define REHEARSAL_INLINE [[gnu::always_inline]] inline

namespace rehearsal {

typedef float Eight __attribute__((vector_size(32), aligned(4), may_alias));
typedef std::int32_t EightInts __attribute__((vector_size(32), aligned(4), may_alias));

inline constexpr std::size_t kLanes = 8;

/// n rounded up to whole registers.
constexpr std::size_t padded_lanes(std::size_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// x = exp(x), each in [-87, 88] or taken as the nearer end. Relative error below 2e-7 (the
/// polynomial of Cephes' expf, Moshier 1989).
REHEARSAL_INLINE void exponential(Eight& x) {
  x = x < -87.0f ? Eight{} - 87.0f : x;
  x = x > 88.0f ? Eight{} + 88.0f : x;
  constexpr float kRound = 0x1.8p23f;  // adding and taking it away rounds to a whole number
  const Eight whole = (x * 0x1.715476p0f + kRound) - kRound;
  x = (x - whole * 0.693359375f) + whole * 2.12194440e-4f;
  Eight y = Eight{} + 1.9875691500e-4f;
  y = y * x + 1.3981999507e-3f;
  y = y * x + 8.3334519073e-3f;
  y = y * x + 4.1665795894e-2f;
  y = y * x + 1.6666665459e-1f;
  y = y * x + 5.0000001201e-1f;
  y = (y * (x * x) + x) + 1.0f;
  const EightInts power = (__builtin_convertvector(whole, EightInts) + 127) << 23;
  x = y * reinterpret_cast<const Eight&>(power);
}

/// x = 1 / (1 + exp(-x)).
REHEARSAL_INLINE void logistic(Eight& x) {
  x = -x;
  exponential(x);
  x = 1.0f / (1.0f + x);
}

}  // namespace rehearsal
