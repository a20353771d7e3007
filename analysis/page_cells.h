#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace rehearsal {

/// Probability ratios pi / mu of one logged page of rows (modules) with items in columns, borrowed.
/// Row i owns cells [row_offsets[i], row_offsets[i + 1]), from 0 on.
struct PageRatios {
  std::span<const std::uint32_t> row_offsets;  // (n_rows + 1)
  std::span<const double> module_prefix;       // (n_rows) W_i, of modules 0 ... i
  std::span<const double> module_marginal;     // (n_rows) of this module at row i
  std::span<const double> item_prefix;         // (cells) of this row's items 0 ... k
  std::span<const double> item_marginal;       // (cells) of this item at k, given the module
  double module_pseudo_inverse = 1;            // q_pi' Gamma^+ 1_s of the order of modules

  std::size_t n_rows() const { return row_offsets.size() - 1; }
};

/// Which part of a page a cell's weight takes in: the less, the smaller the
/// variance and the more a cell's response must not depend on.
enum class CellWeight : std::uint8_t {
  kPage,           // the whole page: unbiased whatever users do
  kPseudoInverse,  // pseudo-inverse of the order of modules times every row's items: for the sum
                   // over cells where each row adds what its own place, module and items give
  kPageCascade,    // rows above, whole, and this row up to the cell: what is above and to the left
                   // matters
  kRowCascade,   // of the rows above only the first columns: those visible without a swipe, or the
                 // few that an L-shaped gaze meets
  kRowMarginal,  // this row's module and its items up to the cell: other rows do not matter
  kCellMarginal  // this row's module and this item: nothing else on the page matters
};

struct CellWeightOptions {
  /// Columns of the rows above that count, for kRowCascade: V visible ones, or g = 1 or 2.
  std::size_t columns_above = std::numeric_limits<std::size_t>::max();
  /// Columns of the cell's own row that count at least, for all but kPage and kCellMarginal: V
  /// where a row is entered or left by what is visible in it, all for whole-row effects.
  std::size_t columns_of_row = 0;

  bool operator==(const CellWeightOptions&) const = default;
};

/// A weight with its options.
struct CellRule {
  CellWeight kind = CellWeight::kCellMarginal;
  CellWeightOptions options{};

  bool operator==(const CellRule&) const = default;
};

/// Weights of the cells' responses. Args: out: (cells).
void cell_weights(const PageRatios& page, CellWeight kind, const CellWeightOptions& options,
                  std::span<double> out);

}  // namespace rehearsal
