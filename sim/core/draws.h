#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/core/normal.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// A number below n from one word. Args: n <= 2^32.
inline std::uint32_t index_below(std::uint32_t word, std::uint64_t n) {
  return static_cast<std::uint32_t>(word * n >> 32);
}

/// How many words give a uniform number below p, the smallest ones: word < words_below(p) says
/// exactly what Stream::to_uniform(word) < p says. Args: p in [0, 1].
inline std::uint64_t words_below(double p) {
  return static_cast<std::uint64_t>(std::max(0.0, std::ceil(p * 0x1p32 - 0.5)));
}

/// A standard normal number from one word.
inline double normal_from(std::uint32_t word) { return normal_quantile(Stream::to_uniform(word)); }

/// The next n of them.
inline std::vector<double> normals(Stream& stream, std::size_t n, double deviation = 1) {
  std::vector<double> out(n);
  for (double& each : out) each = deviation * normal_from(stream());
  return out;
}
inline std::vector<double> normals(Stream&& stream, std::size_t n, double deviation = 1) {
  return normals(stream, n, deviation);
}

}  // namespace rehearsal
