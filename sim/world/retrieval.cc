#include "sim/world/retrieval.h"

#include <algorithm>
#include <type_traits>

#include "sim/core/error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace rehearsal {

namespace {

std::uint64_t choose(const Retrieval& retrieval, std::uint8_t seed_place,
                     const std::uint32_t* words, std::size_t block_stride) {
  const bool inside = seed_place != kNowhere;
  std::uint64_t last = retrieval.pool_size - (inside ? 1 : 0) - retrieval.n_candidates;
  std::uint64_t chosen = 0;
  for (std::size_t k = 0; k < retrieval.n_candidates; k += 4, words += block_stride)
    for (std::size_t j = 0; j < std::min<std::size_t>(4, retrieval.n_candidates - k); ++j, ++last) {
      const std::uint64_t bit = std::uint64_t{1} << (words[j] * (last + 1) >> 32);
      chosen |= (chosen & bit) != 0 ? std::uint64_t{1} << last : bit;
    }
  // What stands behind the seed moves one place on.
  const std::uint64_t before = inside ? (std::uint64_t{1} << seed_place) - 1 : ~std::uint64_t{0};
  return (chosen & before) | (chosen & ~before) << 1;
}

#if defined(__x86_64__)

/// The same for four lists at a time.
/// Returns: how many lists are done, a multiple of four.
REHEARSAL_AVX2 std::size_t choose_fours(const Retrieval& retrieval,
                                        std::span<const std::uint8_t> seed_place,
                                        const std::uint32_t* words,
                                        std::span<std::uint64_t> chosen) {
  const std::size_t n = chosen.size() / 4 * 4;
  const std::size_t n_candidates = retrieval.n_candidates;
  const __m256i one = _mm256_set1_epi64x(1);
  for (std::size_t e = 0; e < n; e += 4) {
    // Lanes hold the lists 0, 2, 1, 3: so blocks of words become lanes without crossing halves.
    const __m256i seed =
        _mm256_setr_epi64x(seed_place[e], seed_place[e + 2], seed_place[e + 1], seed_place[e + 3]);
    const __m256i outside = _mm256_cmpeq_epi64(seed, _mm256_set1_epi64x(kNowhere));
    const auto first = static_cast<std::int64_t>(retrieval.pool_size - 1 - n_candidates);
    __m256i last = _mm256_sub_epi64(_mm256_set1_epi64x(first), outside);
    __m256i last_bit = _mm256_sllv_epi64(one, last);
    __m256i bits = _mm256_setzero_si256();
    for (std::size_t k = 0; k < n_candidates; k += 4) {
      const auto* block = reinterpret_cast<const __m256i*>(words + (k * chosen.size() + 4 * e));
      const __m256i lists_01 = _mm256_loadu_si256(block);
      const __m256i lists_23 = _mm256_loadu_si256(block + 1);
      const __m256i words_01 = _mm256_unpacklo_epi64(lists_01, lists_23);
      const __m256i words_23 = _mm256_unpackhi_epi64(lists_01, lists_23);
      const __m256i word[4] = {words_01, _mm256_srli_epi64(words_01, 32), words_23,
                               _mm256_srli_epi64(words_23, 32)};
#pragma GCC unroll 4
      for (std::size_t j = 0; j < 4; ++j) {
        if (k + j >= n_candidates) break;
        last = _mm256_add_epi64(last, one);
        const __m256i below = _mm256_srli_epi64(_mm256_mul_epu32(word[j], last), 32);
        const __m256i bit = _mm256_sllv_epi64(one, below);
        const __m256i free =
            _mm256_cmpeq_epi64(_mm256_and_si256(bits, bit), _mm256_setzero_si256());
        bits = _mm256_or_si256(bits, _mm256_blendv_epi8(last_bit, bit, free));
        last_bit = _mm256_add_epi64(last_bit, last_bit);
      }
    }
    // 1 << kNowhere is 0, so that nothing moves.
    const __m256i before = _mm256_sub_epi64(_mm256_sllv_epi64(one, seed), one);
    const __m256i behind = _mm256_andnot_si256(before, bits);
    bits = _mm256_or_si256(_mm256_and_si256(bits, before), _mm256_add_epi64(behind, behind));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(chosen.data() + e),
                        _mm256_permute4x64_epi64(bits, 0xd8));
  }
  return n;
}

#endif

/// Args: n_candidates: a number, or a constant that the compiler unrolls.
template <class Size>
[[gnu::always_inline]] inline void take_lists(Size n_candidates,
                                              std::span<const std::uint64_t> chosen,
                                              std::span<const std::uint32_t* const> pools,
                                              std::uint32_t* to) {
  for (std::size_t e = 0; e < chosen.size(); ++e, to += n_candidates) {
    const std::uint32_t* pool = pools[e];
    std::uint64_t rest = chosen[e];
    for (std::size_t k = 0; k < n_candidates; ++k, rest &= rest - 1)
      to[k] = pool[__builtin_ctzll(rest)];  // never of 0, which std::countr_zero looks for
  }
}

[[gnu::always_inline]] inline void take_body(std::size_t n_candidates,
                                             std::span<const std::uint64_t> chosen,
                                             std::span<const std::uint32_t* const> pools,
                                             std::uint32_t* to) {
  if (n_candidates == 8)
    take_lists(std::integral_constant<std::size_t, 8>{}, chosen, pools, to);
  else
    take_lists(n_candidates, chosen, pools, to);
}

void take_scalar(std::size_t n_candidates, std::span<const std::uint64_t> chosen,
                 std::span<const std::uint32_t* const> pools, std::uint32_t* to) {
  take_body(n_candidates, chosen, pools, to);
}
REHEARSAL_AVX2 void take_avx2(std::size_t n_candidates, std::span<const std::uint64_t> chosen,
                              std::span<const std::uint32_t* const> pools, std::uint32_t* to) {
  take_body(n_candidates, chosen, pools, to);
}

}  // namespace

void choose_candidates(const Retrieval& retrieval, std::span<const std::uint8_t> seed_place,
                       std::span<const std::uint32_t> words, std::span<std::uint64_t> chosen,
                       Simd simd) {
  const std::size_t n = chosen.size();
  REHEARSAL_CHECK(seed_place.size() == n && retrieval.pool_size <= 64);
  REHEARSAL_CHECK(words.size() == (retrieval.n_candidates + 3) / 4 * 4 * n);
  std::size_t e = 0;
#if defined(__x86_64__)
  if (simd == Simd::kAvx2) e = choose_fours(retrieval, seed_place, words.data(), chosen);
#endif
  for (; e < n; ++e) chosen[e] = choose(retrieval, seed_place[e], words.data() + 4 * e, 4 * n);
}

void take_candidates(const Retrieval& retrieval, std::span<const std::uint64_t> chosen,
                     std::span<const std::uint32_t* const> pools, std::span<std::uint32_t> items,
                     Simd simd) {
  REHEARSAL_CHECK(pools.size() == chosen.size());
  REHEARSAL_CHECK(items.size() == retrieval.n_candidates * chosen.size());
  const auto take = simd == Simd::kAvx2 ? take_avx2 : take_scalar;
  take(retrieval.n_candidates, chosen, pools, items.data());
}

}  // namespace rehearsal
