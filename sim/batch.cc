#include "sim/batch.h"

#include "sim/columns.h"

namespace rehearsal {

namespace {

void append_offsets(const Offsets& from, Offsets& to) {
  const std::uint32_t base = to.back();
  to.reserve(to.size() + from.size() - 1);
  for (std::size_t i = 1; i < from.size(); ++i) to.push_back(base + from[i]);
}

}  // namespace

RequestBatch gather(const RequestBatch& requests, std::span<const std::uint32_t> rows) {
  RequestBatch out;
  out.n_features = requests.n_features;
  out.n_candidate_features = requests.n_candidate_features;
  for (const std::uint32_t i : rows) {
    take_rows(requests.user, i, i + 1, 1, out.user);
    take_rows(requests.session, i, i + 1, 1, out.session);
    take_rows(requests.round, i, i + 1, 1, out.round);
    take_rows(requests.day, i, i + 1, 1, out.day);
    take_rows(requests.n_slots, i, i + 1, 1, out.n_slots);
    take_rows(requests.n_positions, i, i + 1, 1, out.n_positions);
    take_rows(requests.context, i, i + 1, requests.n_features, out.context);
    const std::uint32_t first = requests.module_offsets[i];
    const std::uint32_t last = requests.module_offsets[i + 1];
    take_rows(requests.module, first, last, 1, out.module);
    out.module_offsets.push_back(static_cast<std::uint32_t>(out.module.size()));
    if (requests.candidate.empty()) continue;
    for (std::uint32_t m = first; m < last; ++m) {
      const std::uint32_t begin = requests.candidate_offsets[m];
      const std::uint32_t end = requests.candidate_offsets[m + 1];
      take_rows(requests.candidate, begin, end, 1, out.candidate);
      take_rows(requests.candidate_context, begin, end, requests.n_candidate_features,
                out.candidate_context);
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
    take_rows(pages.module, first, last, 1, out.module);
    out.slot_offsets.push_back(static_cast<std::uint32_t>(out.module.size()));
    if (pages.item.empty()) continue;
    for (std::uint32_t k = first; k < last; ++k) {
      take_rows(pages.item, pages.item_offsets[k], pages.item_offsets[k + 1], 1, out.item);
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

void append(const RequestBatch& from, RequestBatch& to) {
  to.n_features = from.n_features;
  to.n_candidate_features = from.n_candidate_features;
  append_columns(from, to);
  append_offsets(from.module_offsets, to.module_offsets);
  append_offsets(from.candidate_offsets, to.candidate_offsets);
}

void append(const PageBatch& from, PageBatch& to) {
  append_columns(from, to);
  append_offsets(from.slot_offsets, to.slot_offsets);
  append_offsets(from.item_offsets, to.item_offsets);
}

void append(const Propensities& from, Propensities& to) { append_columns(from, to); }

void append(const ResponseBatch& from, ResponseBatch& to) { append_columns(from, to); }

}  // namespace rehearsal
