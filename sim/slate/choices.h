#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>

#include "sim/core/rng.h"
#include "sim/slate.h"
#include "sim/slate/scratch.h"

namespace rehearsal {

/// 53 random bits a choice, from the first two words of its own address: the same number for the
/// same choice whatever the policy and the other choices. Args: out: (n_choices).
void choice_bits(const Rng& rng, const SlateAddress& address, std::span<std::uint64_t> out);

/// Uniform in (0, 1) with 53 bits, from the first two words of an address.
double address_uniform(const Rng& rng, Draw purpose, const Turn& turn, std::uint32_t item);

/// The indices of the largest keys, descending; equal keys in ascending order of index.
/// Args: slate: (l), l <= keys.size().
template <class Key>
void take_largest(std::span<const Key> keys, std::span<std::uint16_t> slate) {
  const std::size_t m = keys.size();
  if (m <= 16) {
    // Each choice's rank by counting: no branch depends on the keys.
    std::array<std::uint16_t, 16> by_rank;
    for (std::size_t c = 0; c < m; ++c) {
      std::size_t rank = 0;
      for (std::size_t j = 0; j < c; ++j) rank += keys[j] >= keys[c] ? 1 : 0;
      for (std::size_t j = c + 1; j < m; ++j) rank += keys[j] > keys[c] ? 1 : 0;
      by_rank[rank] = static_cast<std::uint16_t>(c);
    }
    std::copy_n(by_rank.begin(), slate.size(), slate.begin());
    return;
  }
  Scratch<std::uint16_t> index(m);
  std::iota(index.data(), index.data() + m, std::uint16_t{0});
  const auto before = [&](std::uint16_t a, std::uint16_t b) {
    return keys[a] > keys[b] || (keys[a] == keys[b] && a < b);
  };
  if (m > 32) {
    std::partial_sort(index.data(), index.data() + slate.size(), index.data() + m, before);
  } else {
    for (std::size_t k = 0; k < slate.size(); ++k) {
      std::size_t best = k;
      for (std::size_t j = k + 1; j < m; ++j)
        if (before(index[j], index[best])) best = j;
      std::swap(index[k], index[best]);
    }
  }
  std::copy_n(index.data(), slate.size(), slate.begin());
}

/// Mixes a value into a 64-bit fingerprint (the finalizer of splitmix64).
inline std::uint64_t mix_pattern(std::uint64_t pattern, std::uint64_t value) {
  std::uint64_t z = (pattern ^ value) + 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// Adds a prefix's probability to the pairs that its last position closes: over all prefixes of all
/// lengths this gives pair_marginals(). Args: prefix: not empty.
inline void add_pairs(std::span<const std::uint16_t> prefix, double probability,
                      std::size_t n_choices, Eigen::Ref<RowMatrix> out) {
  const auto at = [&](std::size_t k) {
    return static_cast<Eigen::Index>(k * n_choices + prefix[k]);
  };
  const Eigen::Index last = at(prefix.size() - 1);
  out(last, last) += probability;
  for (std::size_t j = 0; j + 1 < prefix.size(); ++j) {
    out(at(j), last) += probability;
    out(last, at(j)) += probability;
  }
}

/// m! / (m - l)!, or `limit` + 1 where it is larger than `limit`.
std::size_t count_slates(std::size_t n_choices, std::size_t n_positions, std::size_t limit);

}  // namespace rehearsal
