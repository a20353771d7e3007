#include "sim/core/philox.h"

#include <Random123/philox.h>

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__)
#define REHEARSAL_PHILOX_AVX2 1
#include <immintrin.h>
#endif

namespace rehearsal {

void philox_scalar(const PhiloxKey& key, const PhiloxCounters& counters, std::size_t n,
                   std::uint32_t* out) {
  using Philox = r123::Philox4x32_R<10>;
  for (std::size_t i = 0; i < n; ++i) {
    const Philox::ctr_type counter = {
        {counters.word_0[i], counters.word_1[i], counters.word_2[i], 0}};
    const Philox::ctr_type words = Philox()(counter, {{key[0], key[1]}});
    std::copy_n(words.v, 4, out + 4 * i);
  }
}

#if REHEARSAL_PHILOX_AVX2

namespace {

#define REHEARSAL_PHILOX_INLINE __attribute__((target("avx2"), always_inline)) inline

struct Lanes {
  __m256i word[4];
};

/// Low and high halves of 8 products of 32 bits.
REHEARSAL_PHILOX_INLINE void multiply(__m256i a, __m256i factor, __m256i& low, __m256i& high) {
  const __m256i even = _mm256_mul_epu32(a, factor);
  const __m256i odd = _mm256_mul_epu32(_mm256_srli_epi64(a, 32), factor);
  low = _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xaa);
  high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
}

REHEARSAL_PHILOX_INLINE void one_round(Lanes& lanes, __m256i key_0, __m256i key_1) {
  __m256i low_0, high_0, low_1, high_1;
  multiply(lanes.word[0], _mm256_set1_epi32(static_cast<int>(PHILOX_M4x32_0)), low_0, high_0);
  multiply(lanes.word[2], _mm256_set1_epi32(static_cast<int>(PHILOX_M4x32_1)), low_1, high_1);
  lanes.word[0] = _mm256_xor_si256(_mm256_xor_si256(high_1, lanes.word[1]), key_0);
  lanes.word[2] = _mm256_xor_si256(_mm256_xor_si256(high_0, lanes.word[3]), key_1);
  lanes.word[1] = low_1;
  lanes.word[3] = low_0;
}

REHEARSAL_PHILOX_INLINE __m256i load(const std::uint32_t* from) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

/// Writes block after block: the transpose of 8 lanes of 4 words.
REHEARSAL_PHILOX_INLINE void store(const Lanes& lanes, std::uint32_t* out) {
  const __m256i a = _mm256_unpacklo_epi32(lanes.word[0], lanes.word[1]);
  const __m256i b = _mm256_unpackhi_epi32(lanes.word[0], lanes.word[1]);
  const __m256i c = _mm256_unpacklo_epi32(lanes.word[2], lanes.word[3]);
  const __m256i d = _mm256_unpackhi_epi32(lanes.word[2], lanes.word[3]);
  const __m256i block_04 = _mm256_unpacklo_epi64(a, c);
  const __m256i block_15 = _mm256_unpackhi_epi64(a, c);
  const __m256i block_26 = _mm256_unpacklo_epi64(b, d);
  const __m256i block_37 = _mm256_unpackhi_epi64(b, d);
  __m256i* to = reinterpret_cast<__m256i*>(out);
  _mm256_storeu_si256(to, _mm256_permute2x128_si256(block_04, block_15, 0x20));
  _mm256_storeu_si256(to + 1, _mm256_permute2x128_si256(block_26, block_37, 0x20));
  _mm256_storeu_si256(to + 2, _mm256_permute2x128_si256(block_04, block_15, 0x31));
  _mm256_storeu_si256(to + 3, _mm256_permute2x128_si256(block_26, block_37, 0x31));
}

/// 8 G blocks. Two groups at a time hide the latency of the multiplications.
template <int G>
REHEARSAL_PHILOX_INLINE void blocks(const PhiloxKey& key, const PhiloxCounters& counters,
                                    std::size_t first, std::uint32_t* out) {
  Lanes lanes[G];
#pragma GCC unroll 2
  for (int g = 0; g < G; ++g) {
    const std::size_t at = first + 8 * static_cast<std::size_t>(g);
    lanes[g] = {{load(counters.word_0 + at), load(counters.word_1 + at), load(counters.word_2 + at),
                 _mm256_setzero_si256()}};
  }
  PhiloxKey round_key = key;
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const __m256i key_0 = _mm256_set1_epi32(static_cast<int>(round_key[0]));
    const __m256i key_1 = _mm256_set1_epi32(static_cast<int>(round_key[1]));
#pragma GCC unroll 2
    for (int g = 0; g < G; ++g) one_round(lanes[g], key_0, key_1);
    round_key[0] += PHILOX_W32_0;
    round_key[1] += PHILOX_W32_1;
  }
#pragma GCC unroll 2
  for (int g = 0; g < G; ++g) store(lanes[g], out + 32 * g);
}

__attribute__((target("avx2"))) void philox_avx2(const PhiloxKey& key,
                                                 const PhiloxCounters& counters, std::size_t n,
                                                 std::uint32_t* out) {
  std::size_t i = 0;
  for (; i + 16 <= n; i += 16) blocks<2>(key, counters, i, out + 4 * i);
  for (; i + 8 <= n; i += 8) blocks<1>(key, counters, i, out + 4 * i);
  const PhiloxCounters rest{counters.word_0 + i, counters.word_1 + i, counters.word_2 + i};
  if (n - i < 3) return philox_scalar(key, rest, n - i, out + 4 * i);
  std::uint32_t padded[3][8] = {};
  for (std::size_t j = 0; j < n - i; ++j) {
    padded[0][j] = rest.word_0[j];
    padded[1][j] = rest.word_1[j];
    padded[2][j] = rest.word_2[j];
  }
  std::uint32_t words[32];
  blocks<1>(key, {padded[0], padded[1], padded[2]}, 0, words);
  std::copy_n(words, 4 * (n - i), out + 4 * i);
}

#undef REHEARSAL_PHILOX_INLINE

}  // namespace

void philox_bulk(const PhiloxKey& key, const PhiloxCounters& counters, std::size_t n,
                 std::uint32_t* out) {
  static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
  if (has_avx2) return philox_avx2(key, counters, n, out);
  philox_scalar(key, counters, n, out);
}

#else

void philox_bulk(const PhiloxKey& key, const PhiloxCounters& counters, std::size_t n,
                 std::uint32_t* out) {
  philox_scalar(key, counters, n, out);
}

#endif

}  // namespace rehearsal
