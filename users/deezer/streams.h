#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/kernels.h"

namespace rehearsal::deezer {

/// Cards a carousel shows at most.
inline constexpr std::size_t kMostCards = 64;

/// Rows of floats, each padded with zeros to whole registers of eight.
class PaddedRows {
 public:
  PaddedRows() = default;
  PaddedRows(std::size_t n_rows, std::size_t n_columns);

  std::size_t size() const { return n_rows_; }
  std::size_t n_columns() const { return n_columns_; }
  std::size_t width() const { return width_; }  // floats a row takes, a multiple of 8
  const float* row(std::size_t i) const { return values_.data() + i * width_; }
  std::span<float> fill(std::size_t i) { return {values_.data() + i * width_, n_columns_}; }

 private:
  std::size_t n_rows_ = 0;
  std::size_t n_columns_ = 0;
  std::size_t width_ = 0;
  std::vector<float> values_;
};

/// Stream probabilities of a slate in single precision, the same bytes on every processor.
/// Args: user: (width) one row of a PaddedRows.  slate: rows of playlists.  out: (slate.size()).
void slate_probabilities(const float* user, const PaddedRows& playlists,
                         std::span<const std::uint32_t> slate, std::span<float> out,
                         Simd simd = best_simd());

/// What a batch of carousel sessions keeps of one Bernoulli draw a card: the first success.
/// Args: users: (n) rows of user_rows.  slates: (n, n_cards) rows of playlists.
///       words: (n, n_cards) random words.  first: (n) filled with the 0-based card streamed,
///       n_cards without a stream.
void first_streams(const PaddedRows& user_rows, const PaddedRows& playlists,
                   std::span<const std::uint32_t> users, std::span<const std::uint32_t> slates,
                   std::size_t n_cards, std::span<const std::uint32_t> words,
                   std::span<std::uint8_t> first, Simd simd = best_simd());

}  // namespace rehearsal::deezer
