#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sim/core/simd.h"

namespace rehearsal {

/// The place of an item that a pool does not hold.
inline constexpr std::uint8_t kNowhere = 255;

/// Lists to retrieve, one a pool: which of a pool's items come back.
struct Retrieval {
  std::size_t pool_size = 0;     // at most 64
  std::size_t n_candidates = 0;  // of each pool, fewer than pool_size
};

/// For each list a uniformly drawn subset of its pool without the seed item (Floyd's algorithm,
/// Bentley and Floyd, CACM 30, 1987), one word a candidate.
/// Args: seed_place: (n) the seed item's place in the list's pool, kNowhere if it is not there.
///       words: (ceil(n_candidates / 4), n, 4).  chosen: (n) filled: bit k is the pool's item k.
void choose_candidates(const Retrieval& retrieval, std::span<const std::uint8_t> seed_place,
                       std::span<const std::uint32_t> words, std::span<std::uint64_t> chosen,
                       Simd simd = best_simd());

/// The chosen items, in the order of their pools. Args: pools: (n) the first item of each list's
/// pool.  items: (n, n_candidates) filled.
void take_candidates(const Retrieval& retrieval, std::span<const std::uint64_t> chosen,
                     std::span<const std::uint32_t* const> pools, std::span<std::uint32_t> items,
                     Simd simd = best_simd());

}  // namespace rehearsal
