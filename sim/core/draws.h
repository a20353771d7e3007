#pragma once

#include <cstdint>

#include "sim/core/normal.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// A number below n from one word. Args: n <= 2^32.
inline std::uint32_t index_below(std::uint32_t word, std::uint64_t n) {
  return static_cast<std::uint32_t>(word * n >> 32);
}

/// A standard normal number from one word.
inline double normal_from(std::uint32_t word) { return normal_quantile(Stream::to_uniform(word)); }

}  // namespace rehearsal
