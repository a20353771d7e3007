#include "analysis/page_cells.h"

#include <algorithm>

namespace rehearsal {

namespace {

/// Ratio of the first `columns` items of a row, of all where it has fewer.
double first_items(const PageRatios& page, std::size_t row, std::size_t columns) {
  const std::size_t first = page.row_offsets[row];
  const std::size_t n = std::min(columns, page.row_offsets[row + 1] - first);
  return n == 0 ? 1.0 : page.item_prefix[first + n - 1];
}

constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();

/// Of every row's items. Args: weight: of the modules.
double whole_rows(const PageRatios& page, double weight) {
  for (std::size_t i = 0; i < page.n_rows(); ++i) weight *= first_items(page, i, kAll);
  return weight;
}

}  // namespace

void cell_weights(const PageRatios& page, CellWeight kind, const CellWeightOptions& options,
                  std::span<double> out) {
  if (kind == CellWeight::kPage || kind == CellWeight::kPseudoInverse) {
    const double prefix = page.n_rows() == 0 ? 1.0 : page.module_prefix.back();
    const bool whole = kind == CellWeight::kPage;
    std::fill(out.begin(), out.end(),
              whole_rows(page, whole ? prefix : page.module_pseudo_inverse));
    return;
  }
  const bool marginal = kind == CellWeight::kRowMarginal || kind == CellWeight::kCellMarginal;
  const std::size_t columns_above = kind == CellWeight::kRowCascade ? options.columns_above : kAll;
  double above = 1;
  for (std::size_t i = 0; i < page.n_rows(); ++i) {
    const std::size_t first = page.row_offsets[i];
    const double row = marginal ? page.module_marginal[i] : page.module_prefix[i] * above;
    for (std::size_t c = first; c < page.row_offsets[i + 1]; ++c)
      out[c] = row * (kind == CellWeight::kCellMarginal
                          ? page.item_marginal[c]
                          : first_items(page, i, std::max(c - first + 1, options.columns_of_row)));
    if (!marginal) above *= first_items(page, i, columns_above);
  }
}

}  // namespace rehearsal
