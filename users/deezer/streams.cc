#include "users/deezer/streams.h"

#include <algorithm>

#include "sim/core/error.h"
#include "users/lanes.h"

namespace rehearsal::deezer {

namespace {

constexpr std::size_t kAhead = 4;  // users whose features are on their way

REHEARSAL_INLINE float sum_of(const Eight& x) {
  return ((x[0] + x[4]) + (x[2] + x[6])) + ((x[1] + x[5]) + (x[3] + x[7]));
}

/// Four playlists at a time, so that a user's features are read once for all four.
REHEARSAL_INLINE void logits_body(const float* user, const float* const* playlist,
                                  std::size_t width, float* out) {
  Eight sum[4] = {};
  for (std::size_t j = 0; j < width; j += kLanes) {
    const Eight x = *reinterpret_cast<const Eight*>(user + j);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < 4; ++i)
      sum[i] += x * *reinterpret_cast<const Eight*>(playlist[i] + j);
  }
#pragma GCC unroll 4
  for (std::size_t i = 0; i < 4; ++i) out[i] = sum_of(sum[i]);
}

/// Probabilities of whole registers of cards. Args: out: (padded_lanes(slate.size())).
REHEARSAL_INLINE void probabilities_body(const float* user, const PaddedRows& playlists,
                                         std::span<const std::uint32_t> slate, float* out) {
  const std::size_t n = padded_lanes(slate.size());
  *reinterpret_cast<Eight*>(out + n - kLanes) = Eight{};
  for (std::size_t first = 0; first < slate.size(); first += 4) {
    const float* rows[4];
    for (std::size_t i = 0; i < 4; ++i)
      rows[i] = playlists.row(slate[std::min(first + i, slate.size() - 1)]);
    logits_body(user, rows, playlists.width(), out + first);
  }
  for (std::size_t first = 0; first < n; first += kLanes)
    logistic(*reinterpret_cast<Eight*>(out + first));
}

REHEARSAL_INLINE std::size_t first_success(const float* probability, const std::uint32_t* words,
                                           std::size_t n) {
  for (std::size_t k = 0; k < n; ++k)
    if (static_cast<float>(words[k]) * 0x1p-32f < probability[k]) return k;
  return n;
}

struct Batch {
  const PaddedRows& user_rows;
  const PaddedRows& playlists;
  std::span<const std::uint32_t> users;
  std::span<const std::uint32_t> slates;
  std::size_t n_cards;
  std::span<const std::uint32_t> words;
  std::span<std::uint8_t> first;
};

REHEARSAL_INLINE void batch_body(const Batch& batch) {
  float probability[kMostCards];
  for (std::size_t i = 0; i < batch.users.size(); ++i) {
    // Users are many more than the caches hold.
    if (i + kAhead < batch.users.size()) {
      const float* row = batch.user_rows.row(batch.users[i + kAhead]);
      for (std::size_t j = 0; j < batch.user_rows.width(); j += 16) __builtin_prefetch(row + j);
    }
    probabilities_body(batch.user_rows.row(batch.users[i]), batch.playlists,
                       batch.slates.subspan(i * batch.n_cards, batch.n_cards), probability);
    batch.first[i] = static_cast<std::uint8_t>(
        first_success(probability, batch.words.data() + i * batch.n_cards, batch.n_cards));
  }
}

void probabilities_scalar(const float* user, const PaddedRows& playlists,
                          std::span<const std::uint32_t> slate, float* out) {
  probabilities_body(user, playlists, slate, out);
}
REHEARSAL_AVX2 void probabilities_avx2(const float* user, const PaddedRows& playlists,
                                       std::span<const std::uint32_t> slate, float* out) {
  probabilities_body(user, playlists, slate, out);
}
void batch_scalar(const Batch& batch) { batch_body(batch); }
REHEARSAL_AVX2 void batch_avx2(const Batch& batch) { batch_body(batch); }

}  // namespace

PaddedRows::PaddedRows(std::size_t n_rows, std::size_t n_columns)
    : n_rows_(n_rows),
      n_columns_(n_columns),
      width_(padded_lanes(n_columns)),
      values_(n_rows * width_) {}

void slate_probabilities(const float* user, const PaddedRows& playlists,
                         std::span<const std::uint32_t> slate, std::span<float> out, Simd simd) {
  REHEARSAL_CHECK(slate.size() <= kMostCards && out.size() == slate.size());
  if (slate.empty()) return;
  float padded[kMostCards];
  if (simd == Simd::kAvx2)
    probabilities_avx2(user, playlists, slate, padded);
  else
    probabilities_scalar(user, playlists, slate, padded);
  std::copy_n(padded, out.size(), out.begin());
}

void first_streams(const PaddedRows& user_rows, const PaddedRows& playlists,
                   std::span<const std::uint32_t> users, std::span<const std::uint32_t> slates,
                   std::size_t n_cards, std::span<const std::uint32_t> words,
                   std::span<std::uint8_t> first, Simd simd) {
  REHEARSAL_CHECK(0 < n_cards && n_cards <= kMostCards && first.size() == users.size());
  REHEARSAL_CHECK(slates.size() == users.size() * n_cards && words.size() == slates.size());
  REHEARSAL_CHECK(user_rows.n_columns() == playlists.n_columns());
  const Batch batch{user_rows, playlists, users, slates, n_cards, words, first};
  if (simd == Simd::kAvx2)
    batch_avx2(batch);
  else
    batch_scalar(batch);
}

}  // namespace rehearsal::deezer
