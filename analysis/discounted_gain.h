#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rehearsal {

/// The discount of a place on a page of rows: log2(row i + column j + hidden (scrolls + swipes)),
/// i and j from 1, where scrolls = ceil(max(0, i - visible_rows) / row_step) and swipes likewise
/// along the row. With hidden 0, log2(i + j): 1 at the first place.
struct PageDiscount {
  double row = 1;
  double column = 1;
  double hidden = 0;
  std::size_t visible_rows = 1;
  std::size_t row_step = 1;
  std::size_t visible_columns = 1;
  std::size_t column_step = 1;

  /// Args: i, j: from 0.
  /// Raises: Error(kInput) unless row + column > 1 (else the first place divides by 0), nothing is
  ///         negative, and no step is 0.
  double at(std::size_t i, std::size_t j) const;
};

/// Relevances of a page's places, row by row; a gain is 2^relevance - 1.
struct PageRelevance {
  std::span<const std::uint32_t> row_offsets;  // (n_rows + 1), from 0
  std::span<const double> relevance;           // (n_cells), >= 0
};

/// Relevances where an item that stands on several places counts at the first one alone, places
/// taken by anti-diagonals (i + j ascending, then i); elsewhere 0. Args: item: (n_cells).
std::vector<double> without_repeats(const PageRelevance& page, std::span<const std::uint32_t> item);

/// 2DCG (Felicioni and Ferrari Dacrema, 2021): sum of gain / discount.
double discounted_gain(const PageRelevance& page, const PageDiscount& discount = {});

/// The largest 2DCG of a page of that shape: the best of `available` on the places of the smallest
/// discount; places that are left stay empty. Args: row_offsets: (n_rows + 1), from 0.
double ideal_discounted_gain(std::span<const std::uint32_t> row_offsets,
                             std::span<const double> available, const PageDiscount& discount = {});

/// The largest 2DCG where every row shows one category, no category twice: the best assignment
/// (Hungarian algorithm), each row's items by the row's discounts.
/// Args: available: relevances of each category.
double ideal_discounted_gain_by_category(std::span<const std::uint32_t> row_offsets,
                                         std::span<const std::vector<double>> available,
                                         const PageDiscount& discount = {});

/// N2DCG: the 2DCG over that of the page's own relevances in the best order; 0 without any gain.
double normalized_discounted_gain(const PageRelevance& page, const PageDiscount& discount = {});

}  // namespace rehearsal
