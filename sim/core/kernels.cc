#include "sim/core/kernels.h"

#include <algorithm>
#include <vector>

namespace rehearsal {

namespace {

constexpr std::size_t kTileA = 4;
constexpr std::size_t kTileB = 8;
constexpr std::size_t kBlockRows = 128;  // a panel of b stays in the first-level cache

[[gnu::always_inline]] inline void outer_body(double v, const double* z, std::size_t n, double* a) {
  for (std::size_t i = 0; i < n; ++i) {
    const double scaled = v * z[i];
    double* row = a + i * n;
    for (std::size_t j = 0; j <= i; j += 4)
      *reinterpret_cast<Four*>(row + j) += scaled * *reinterpret_cast<const Four*>(z + j);
  }
}

/// One (4, 8) tile: panels hold 4 and 8 values a row.
[[gnu::always_inline]] inline void tile_body(const double* a, const double* b, std::size_t n_rows,
                                             double* tile) {
  Four sum[kTileA][2];
  for (std::size_t i = 0; i < kTileA; ++i) {
    sum[i][0] = *reinterpret_cast<Four*>(tile + i * kTileB);
    sum[i][1] = *reinterpret_cast<Four*>(tile + i * kTileB + 4);
  }
  for (std::size_t row = 0; row < n_rows; ++row, a += kTileA, b += kTileB) {
    const Four b0 = *reinterpret_cast<const Four*>(b);
    const Four b1 = *reinterpret_cast<const Four*>(b + 4);
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kTileA; ++i) {
      sum[i][0] += a[i] * b0;
      sum[i][1] += a[i] * b1;
    }
  }
  for (std::size_t i = 0; i < kTileA; ++i) {
    *reinterpret_cast<Four*>(tile + i * kTileB) = sum[i][0];
    *reinterpret_cast<Four*>(tile + i * kTileB + 4) = sum[i][1];
  }
}

// Half of Four, for what is left of a row.
typedef double Two __attribute__((vector_size(16), aligned(8), may_alias));

[[gnu::always_inline]] inline const Four& four(const double* at) {
  return *reinterpret_cast<const Four*>(at);
}
[[gnu::always_inline]] inline const Two& two(const double* at) {
  return *reinterpret_cast<const Two*>(at);
}

/// A sum over a row: four lanes, two for what is left of it, and a last one.
struct RowSum {
  Four lanes{};
  Two pair{};
  double last = 0;

  [[gnu::always_inline]] double total() const {
    const Two halves = (two(reinterpret_cast<const double*>(&lanes)) +
                        two(reinterpret_cast<const double*>(&lanes) + 2)) +
                       pair;
    return (halves[0] + halves[1]) + last;
  }
};

[[gnu::always_inline]] inline void means_body(const double* a, const double* b,
                                              std::size_t n_columns, std::size_t n_rows,
                                              double* out) {
  for (std::size_t i = 0; i < n_rows; ++i, a += n_columns, b += n_columns) {
    RowSum products, masses;
    std::size_t j = 0;
    for (; j + 4 <= n_columns; j += 4) {
      products.lanes += four(a + j) * four(b + j);
      masses.lanes += four(a + j);
    }
    if (j + 2 <= n_columns) {
      products.pair = two(a + j) * two(b + j);
      masses.pair = two(a + j);
      j += 2;
    }
    if (j < n_columns) {
      products.last = a[j] * b[j];
      masses.last = a[j];
    }
    out[i] = products.total() / masses.total();
  }
}

[[gnu::always_inline]] inline void ratios_body(const double* a, const double* b,
                                               std::size_t n_columns, std::size_t n_rows,
                                               const double* tables, const std::uint32_t* index,
                                               std::size_t n_factors, double* out) {
  for (std::size_t i = 0; i < n_rows; ++i, a += n_columns, b += n_columns, index += n_factors) {
    double above = 1, below = 1;
    for (std::size_t d = 0; d < n_factors; ++d) {
      const double* t = tables + index[d] * n_columns;
      RowSum as, bs;
      std::size_t j = 0;
      for (; j + 4 <= n_columns; j += 4) {
        as.lanes += four(a + j) * four(t + j);
        bs.lanes += four(b + j) * four(t + j);
      }
      if (j + 2 <= n_columns) {
        as.pair = two(a + j) * two(t + j);
        bs.pair = two(b + j) * two(t + j);
        j += 2;
      }
      if (j < n_columns) {
        as.last = a[j] * t[j];
        bs.last = b[j] * t[j];
      }
      above *= as.total();
      below *= bs.total();
    }
    out[i] = above / below;
  }
}

[[gnu::always_inline]] inline void picks_body(const double* a, std::size_t n_columns,
                                              const std::uint32_t* column, const double* below,
                                              std::size_t n_rows, double* out) {
  std::size_t i = 0;
  for (; i + 4 <= n_rows; i += 4, a += 4 * n_columns) {
    const Four picked{a[column[i]], a[n_columns + column[i + 1]], a[2 * n_columns + column[i + 2]],
                      a[3 * n_columns + column[i + 3]]};
    *reinterpret_cast<Four*>(out + i) = picked / four(below + i);
  }
  for (; i < n_rows; ++i, a += n_columns) out[i] = a[column[i]] / below[i];
}

void picks_scalar(const double* a, std::size_t n_columns, const std::uint32_t* column,
                  const double* below, std::size_t n_rows, double* out) {
  picks_body(a, n_columns, column, below, n_rows, out);
}
REHEARSAL_AVX2 void picks_avx2(const double* a, std::size_t n_columns, const std::uint32_t* column,
                               const double* below, std::size_t n_rows, double* out) {
  picks_body(a, n_columns, column, below, n_rows, out);
}
void means_scalar(const double* a, const double* b, std::size_t n_columns, std::size_t n_rows,
                  double* out) {
  means_body(a, b, n_columns, n_rows, out);
}
REHEARSAL_AVX2 void means_avx2(const double* a, const double* b, std::size_t n_columns,
                               std::size_t n_rows, double* out) {
  means_body(a, b, n_columns, n_rows, out);
}
void ratios_scalar(const double* a, const double* b, std::size_t n_columns, std::size_t n_rows,
                   const double* tables, const std::uint32_t* index, std::size_t n_factors,
                   double* out) {
  ratios_body(a, b, n_columns, n_rows, tables, index, n_factors, out);
}
REHEARSAL_AVX2 void ratios_avx2(const double* a, const double* b, std::size_t n_columns,
                                std::size_t n_rows, const double* tables,
                                const std::uint32_t* index, std::size_t n_factors, double* out) {
  ratios_body(a, b, n_columns, n_rows, tables, index, n_factors, out);
}

void outer_scalar(double v, const double* z, std::size_t n, double* a) { outer_body(v, z, n, a); }
REHEARSAL_AVX2 void outer_avx2(double v, const double* z, std::size_t n, double* a) {
  outer_body(v, z, n, a);
}
void tile_scalar(const double* a, const double* b, std::size_t n_rows, double* tile) {
  tile_body(a, b, n_rows, tile);
}
REHEARSAL_AVX2 void tile_avx2(const double* a, const double* b, std::size_t n_rows, double* tile) {
  tile_body(a, b, n_rows, tile);
}

/// Columns [first, first + width) of rows, packed; columns beyond n are 0.
void pack(const double* from, std::size_t n, std::size_t first, std::size_t width,
          std::size_t n_rows, double* to) {
  const std::size_t kept = std::min(width, n - first);
  for (std::size_t row = 0; row < n_rows; ++row) {
    for (std::size_t j = 0; j < kept; ++j) to[row * width + j] = from[row * n + first + j];
    for (std::size_t j = kept; j < width; ++j) to[row * width + j] = 0;
  }
}

void add_tile(const double* a, const double* b, std::size_t n_rows, std::size_t rows,
              std::size_t columns, std::size_t stride, double* sums, Simd simd) {
  double tile[kTileA * kTileB] = {};
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) tile[i * kTileB + j] = sums[i * stride + j];
  if (simd == Simd::kAvx2)
    tile_avx2(a, b, n_rows, tile);
  else
    tile_scalar(a, b, n_rows, tile);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) sums[i * stride + j] = tile[i * kTileB + j];
}

}  // namespace

Simd best_simd() {
#if defined(__x86_64__)
  static const Simd simd =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") ? Simd::kAvx2 : Simd::kScalar;
  return simd;
#else
  return Simd::kScalar;
#endif
}

void add_outer(double v, const double* z, std::size_t n, double* a, Simd simd) {
  if (simd == Simd::kAvx2)
    outer_avx2(v, z, n, a);
  else
    outer_scalar(v, z, n, a);
}

void add_products(const double* a, std::size_t n_a, const double* b, std::size_t n_b,
                  std::size_t n_rows, double* sums, Simd simd) {
  const std::size_t tiles_a = (n_a + kTileA - 1) / kTileA;
  std::vector<double> panels_a(tiles_a * kBlockRows * kTileA);
  double panel_b[kBlockRows * kTileB];
  for (std::size_t first = 0; first < n_rows; first += kBlockRows) {
    const std::size_t rows = std::min(kBlockRows, n_rows - first);
    for (std::size_t t = 0; t < tiles_a; ++t)
      pack(a + first * n_a, n_a, t * kTileA, kTileA, rows,
           panels_a.data() + t * kBlockRows * kTileA);
    for (std::size_t j = 0; j < n_b; j += kTileB) {
      pack(b + first * n_b, n_b, j, kTileB, rows, panel_b);
      for (std::size_t t = 0; t < tiles_a; ++t)
        add_tile(panels_a.data() + t * kBlockRows * kTileA, panel_b, rows,
                 std::min(kTileA, n_a - t * kTileA), std::min(kTileB, n_b - j), n_b,
                 sums + t * kTileA * n_b + j, simd);
    }
  }
}

void row_means(const double* a, const double* b, std::size_t n_columns, std::size_t n_rows,
               double* out, Simd simd) {
  (simd == Simd::kAvx2 ? means_avx2 : means_scalar)(a, b, n_columns, n_rows, out);
}

void row_ratios(const double* a, const double* b, std::size_t n_columns, std::size_t n_rows,
                const double* tables, const std::uint32_t* index, std::size_t n_factors,
                double* out, Simd simd) {
  (simd == Simd::kAvx2 ? ratios_avx2 : ratios_scalar)(a, b, n_columns, n_rows, tables, index,
                                                      n_factors, out);
}

void pick_ratios(const double* a, std::size_t n_columns, const std::uint32_t* column,
                 const double* below, std::size_t n_rows, double* out, Simd simd) {
  (simd == Simd::kAvx2 ? picks_avx2 : picks_scalar)(a, n_columns, column, below, n_rows, out);
}

}  // namespace rehearsal
