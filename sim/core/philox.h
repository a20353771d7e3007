#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rehearsal {

/// First three words of a Philox counter each block; the fourth is 0. Arrays of n words each.
struct PhiloxCounters {
  const std::uint32_t* word_0;
  const std::uint32_t* word_1;
  const std::uint32_t* word_2;
};

using PhiloxKey = std::array<std::uint32_t, 2>;

/// Philox4x32-10 of n counters, one after the other. Args: out: (n, 4).
void philox_scalar(const PhiloxKey& key, const PhiloxCounters& counters, std::size_t n,
                   std::uint32_t* out);
/// The same words, by the fastest means this machine has (AVX2 where there is).
void philox_bulk(const PhiloxKey& key, const PhiloxCounters& counters, std::size_t n,
                 std::uint32_t* out);

}  // namespace rehearsal
