#pragma once

#include <cstddef>
#include <cstdint>

#include "sim/core/simd.h"

namespace rehearsal {

/// lower(a) += v z z'. Args: z: (n), a: (n, n) row-major; n a multiple of 4. Elements above the
/// diagonal are unspecified.
void add_outer(double v, const double* z, std::size_t n, double* a, Simd simd = best_simd());

/// sums += a' b, each element row after row of a and b.
/// Args: a: (n_rows, n_a) and b: (n_rows, n_b), row-major.  sums: (n_a, n_b), row-major.
void add_products(const double* a, std::size_t n_a, const double* b, std::size_t n_b,
                  std::size_t n_rows, double* sums, Simd simd = best_simd());

/// out[i] = sum_j a_ij b_ij / sum_j a_ij. Args: a, b: (n_rows, n_columns), row-major. out:
/// (n_rows).
void row_means(const double* a, const double* b, std::size_t n_columns, std::size_t n_rows,
               double* out, Simd simd = best_simd());

/// out[i] = a[i, column[i]] / below[i]. Args: a: (n_rows, n_columns).  out: (n_rows).
void pick_ratios(const double* a, std::size_t n_columns, const std::uint32_t* column,
                 const double* below, std::size_t n_rows, double* out, Simd simd = best_simd());

/// out[i] = prod_d (sum_j a_ij t_d(i)j / sum_j b_ij t_d(i)j), where t_d(i) is the row that index
/// names for (i, d). Args: a, b: (n_rows, n_columns).  tables: (any, n_columns).
///       index: (n_rows, n_factors) rows of tables.  out: (n_rows).
void row_ratios(const double* a, const double* b, std::size_t n_columns, std::size_t n_rows,
                const double* tables, const std::uint32_t* index, std::size_t n_factors,
                double* out, Simd simd = best_simd());

}  // namespace rehearsal
