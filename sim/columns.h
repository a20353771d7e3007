#pragma once

#include <span>
#include <utility>
#include <vector>

#include "sim/batch.h"

namespace rehearsal {

/// Appends rows [begin, end) of `width` values each; an empty column stays unrecorded.
template <class T>
void take_rows(const std::vector<T>& from, std::size_t begin, std::size_t end, std::size_t width,
               std::vector<T>& to) {
  if (from.empty()) return;
  to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(begin * width),
            from.begin() + static_cast<std::ptrdiff_t>(end * width));
}

/// [begin, end) of round i at a level of pages.
inline std::pair<std::size_t, std::size_t> rows_of_round(const PageBatch& pages, Level level,
                                                         std::size_t i) {
  if (level == Level::kRound) return {i, i + 1};
  const std::size_t first = pages.slot_offsets[i];
  const std::size_t last = pages.slot_offsets[i + 1];
  if (level == Level::kSlot) return {first, last};
  return {pages.item_offsets[first], pages.item_offsets[last]};
}

/// Calls f(level, width, column of a, the same column of b) for two batches of one kind.
template <class BatchA, class BatchB, class F>
void visit_both(BatchA& a, BatchB& b, F&& f) {
  std::vector<void*> targets;
  std::remove_cvref_t<BatchB>::visit(
      b, [&](auto&&, Level, std::size_t, auto& column, auto&&) { targets.push_back(&column); });
  std::size_t next = 0;
  std::remove_cvref_t<BatchA>::visit(
      a, [&](auto&&, Level level, std::size_t width, const auto& column, auto&&) {
        using Column = std::remove_cvref_t<decltype(column)>;
        f(level, width, column, *static_cast<Column*>(targets[next++]));
      });
}

/// Rounds `rows` of columns that hang on pages.
template <class Batch>
Batch gather_on_pages(const Batch& batch, const PageBatch& pages,
                      std::span<const std::uint32_t> rows) {
  Batch out;
  visit_both(batch, out, [&](Level level, std::size_t width, const auto& column, auto& target) {
    if (column.empty()) return;  // pages without items have no offsets to look up either
    target.reserve(column.size() / std::max<std::size_t>(1, pages.size()) * rows.size());
    for (const std::uint32_t row : rows) {
      const auto [begin, end] = rows_of_round(pages, level, row);
      take_rows(column, begin, end, width, target);
    }
  });
  return out;
}

/// Appends every column.
template <class Batch>
void append_columns(const Batch& from, Batch& to) {
  visit_both(from, to, [&](Level, std::size_t, const auto& column, auto& target) {
    target.insert(target.end(), column.begin(), column.end());
  });
}

}  // namespace rehearsal
