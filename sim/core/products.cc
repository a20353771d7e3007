#include "sim/core/products.h"

#include <algorithm>

namespace rehearsal {

namespace {

// Eight floats; without AVX2 the compiler makes two halves of it, with the same results.
typedef float Eight __attribute__((vector_size(32), aligned(4), may_alias));

constexpr std::size_t kWidth = 8;
constexpr std::size_t kBlockK = 256;  // rows of b whose tile stays in the first-level cache

/// The element (0, 0) of a tile of c and what it takes: rows of a, columns of b.
struct Tile {
  const float* a;
  std::size_t a_row;
  std::size_t a_column;
  const float* b;
  float* c;
  std::size_t n;  // columns of b and c
  std::size_t k;
  bool add;
};

/// Rows x (8 * Vectors) elements of c, in registers.
template <std::size_t Rows, std::size_t Vectors>
[[gnu::always_inline]] inline void vector_tile(const Tile& tile) {
  Eight sum[Rows][Vectors];
  for (std::size_t i = 0; i < Rows; ++i)
    for (std::size_t v = 0; v < Vectors; ++v)
      sum[i][v] =
          tile.add ? *reinterpret_cast<const Eight*>(tile.c + i * tile.n + v * kWidth) : Eight{};
  const float* a = tile.a;
  const float* b = tile.b;
  for (std::size_t k = 0; k < tile.k; ++k, a += tile.a_column, b += tile.n)
#pragma GCC unroll 4
    for (std::size_t i = 0; i < Rows; ++i)
#pragma GCC unroll 2
      for (std::size_t v = 0; v < Vectors; ++v)
        sum[i][v] += a[i * tile.a_row] * *reinterpret_cast<const Eight*>(b + v * kWidth);
  for (std::size_t i = 0; i < Rows; ++i)
    for (std::size_t v = 0; v < Vectors; ++v)
      *reinterpret_cast<Eight*>(tile.c + i * tile.n + v * kWidth) = sum[i][v];
}

/// Rows x 1 elements: what is left of a row of c.
template <std::size_t Rows>
[[gnu::always_inline]] inline void column_tile(const Tile& tile) {
  float sum[Rows];
  for (std::size_t i = 0; i < Rows; ++i) sum[i] = tile.add ? tile.c[i * tile.n] : 0.0f;
  const float* a = tile.a;
  const float* b = tile.b;
  for (std::size_t k = 0; k < tile.k; ++k, a += tile.a_column, b += tile.n)
#pragma GCC unroll 8
    for (std::size_t i = 0; i < Rows; ++i) sum[i] += a[i * tile.a_row] * *b;
  for (std::size_t i = 0; i < Rows; ++i) tile.c[i * tile.n] = sum[i];
}

/// All rows of the columns that one tile is wide.
template <std::size_t Vectors>
[[gnu::always_inline]] inline void column_strip(const Tile& first, std::size_t m) {
  Tile tile = first;
  const auto move = [&](std::size_t rows) {
    tile.a += rows * tile.a_row;
    tile.c += rows * tile.n;
  };
  // As many sums at a time as hide the time that an addition takes.
  constexpr std::size_t kRows = Vectors > 0 ? 4 : 8;
  std::size_t i = 0;
  for (; i + kRows <= m; i += kRows, move(kRows)) {
    if constexpr (Vectors > 0)
      vector_tile<kRows, Vectors>(tile);
    else
      column_tile<kRows>(tile);
  }
  for (; i < m; ++i, move(1)) {
    if constexpr (Vectors > 0)
      vector_tile<1, Vectors>(tile);
    else
      column_tile<1>(tile);
  }
}

[[gnu::always_inline]] inline void multiply_body(const MatrixView& a, const float* b, std::size_t m,
                                                 std::size_t k, std::size_t n, bool add, float* c) {
  for (std::size_t from = 0; from == 0 || from < k; from += kBlockK) {
    Tile tile{a.data + from * a.column,    a.row,          a.column, b + from * n, c, n,
              std::min(kBlockK, k - from), add || from > 0};
    const auto move = [&](std::size_t columns) {
      tile.b += columns;
      tile.c += columns;
    };
    std::size_t j = 0;
    for (; j + 2 * kWidth <= n; j += 2 * kWidth, move(2 * kWidth)) column_strip<2>(tile, m);
    for (; j + kWidth <= n; j += kWidth, move(kWidth)) column_strip<1>(tile, m);
    for (; j < n; ++j, move(1)) column_strip<0>(tile, m);
  }
}

void multiply_scalar(const MatrixView& a, const float* b, std::size_t m, std::size_t k,
                     std::size_t n, bool add, float* c) {
  multiply_body(a, b, m, k, n, add, c);
}
REHEARSAL_AVX2 void multiply_avx2(const MatrixView& a, const float* b, std::size_t m, std::size_t k,
                                  std::size_t n, bool add, float* c) {
  multiply_body(a, b, m, k, n, add, c);
}

}  // namespace

void multiply(const MatrixView& a, const float* b, std::size_t m, std::size_t k, std::size_t n,
              bool add, float* c, Simd simd) {
  (simd == Simd::kAvx2 ? multiply_avx2 : multiply_scalar)(a, b, m, k, n, add, c);
}

}  // namespace rehearsal
