#include "sim/batch.h"

namespace rehearsal {

namespace {

/// Appends rows of `width` values of one ragged level.
template <class T>
void take(const std::vector<T>& from, std::size_t begin, std::size_t end, std::size_t width,
          std::vector<T>& to) {
  if (from.empty()) return;
  to.insert(to.end(), from.begin() + static_cast<std::ptrdiff_t>(begin * width),
            from.begin() + static_cast<std::ptrdiff_t>(end * width));
}

/// [begin, end) of round i at a level of pages.
std::pair<std::size_t, std::size_t> range(const PageBatch& pages, Level level, std::size_t i) {
  if (level == Level::kRound) return {i, i + 1};
  const std::size_t first = pages.slot_offsets[i];
  const std::size_t last = pages.slot_offsets[i + 1];
  if (level == Level::kSlot) return {first, last};
  return {pages.item_offsets[first], pages.item_offsets[last]};
}

template <class Batch>
Batch gather_on_pages(const Batch& batch, const PageBatch& pages,
                      std::span<const std::uint32_t> rows) {
  Batch out;
  std::vector<void*> targets;
  Batch::visit(
      out, [&](auto&&, Level, std::size_t, auto& column, auto&&) { targets.push_back(&column); });
  std::size_t next = 0;
  Batch::visit(batch, [&](auto&&, Level level, std::size_t width, const auto& column, auto&&) {
    auto& target = *static_cast<std::remove_cvref_t<decltype(column)>*>(targets[next++]);
    for (const std::uint32_t row : rows) {
      const auto [begin, end] = range(pages, level, row);
      take(column, begin, end, width, target);
    }
  });
  return out;
}

}  // namespace

RequestBatch gather(const RequestBatch& requests, std::span<const std::uint32_t> rows) {
  RequestBatch out;
  out.n_features = requests.n_features;
  for (const std::uint32_t i : rows) {
    take(requests.user, i, i + 1, 1, out.user);
    take(requests.session, i, i + 1, 1, out.session);
    take(requests.round, i, i + 1, 1, out.round);
    take(requests.n_slots, i, i + 1, 1, out.n_slots);
    take(requests.context, i, i + 1, requests.n_features, out.context);
    const std::uint32_t first = requests.module_offsets[i];
    const std::uint32_t last = requests.module_offsets[i + 1];
    take(requests.module, first, last, 1, out.module);
    out.module_offsets.push_back(static_cast<std::uint32_t>(out.module.size()));
    if (requests.candidate.empty()) continue;
    for (std::uint32_t m = first; m < last; ++m) {
      take(requests.candidate, requests.candidate_offsets[m], requests.candidate_offsets[m + 1], 1,
           out.candidate);
      out.candidate_offsets.push_back(static_cast<std::uint32_t>(out.candidate.size()));
    }
  }
  return out;
}

PageBatch gather(const PageBatch& pages, std::span<const std::uint32_t> rows) {
  PageBatch out;
  for (const std::uint32_t i : rows) {
    const std::uint32_t first = pages.slot_offsets[i];
    const std::uint32_t last = pages.slot_offsets[i + 1];
    take(pages.module, first, last, 1, out.module);
    out.slot_offsets.push_back(static_cast<std::uint32_t>(out.module.size()));
    if (pages.item.empty()) continue;
    for (std::uint32_t k = first; k < last; ++k) {
      take(pages.item, pages.item_offsets[k], pages.item_offsets[k + 1], 1, out.item);
      out.item_offsets.push_back(static_cast<std::uint32_t>(out.item.size()));
    }
  }
  return out;
}

Propensities gather(const Propensities& propensities, const PageBatch& pages,
                    std::span<const std::uint32_t> rows) {
  return gather_on_pages(propensities, pages, rows);
}

ResponseBatch gather(const ResponseBatch& responses, const PageBatch& pages,
                     std::span<const std::uint32_t> rows) {
  return gather_on_pages(responses, pages, rows);
}

}  // namespace rehearsal
