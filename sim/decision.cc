#include "sim/decision.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

[[noreturn]] void refuse(const RequestBatch& requests, std::size_t i, const std::string& what) {
  throw Error(ErrorKind::kInput, fmt::format("user {}, session {}, round {}: {}", requests.user[i],
                                             requests.session[i], requests.round[i], what));
}

/// As logged, or 1 where the items stayed as retrieved.
std::vector<double> or_ones(const std::vector<double>& column, std::size_t n) {
  return column.empty() ? std::vector<double>(n, 1.0) : column;
}

/// One decision a module that may be shown.
std::unique_ptr<SlateDistribution> as_retrieved(const RequestBatch& requests) {
  const Offsets& lists = requests.candidate_offsets;
  std::vector<std::uint16_t> sizes;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e)
      sizes.push_back(static_cast<std::uint16_t>(requests.n_placed(i, lists[e + 1] - lists[e])));
  // Equal scores stay in the order of the choices.
  return make_deterministic(lists, std::move(sizes),
                            std::vector<double>(requests.candidate.size()));
}

}  // namespace

Decision decision_of(const Schema& schema) {
  return schema.n_modules() == 1 && schema.n_positions > 0 ? Decision::kItems : Decision::kModules;
}

std::size_t n_places(const Schema& schema, Decision decision) {
  return decision == Decision::kItems ? schema.n_positions : schema.n_slots;
}

std::size_t n_named_choices(const Schema& schema, Decision decision) {
  return decision == Decision::kItems ? 1 : schema.n_modules();
}

std::unique_ptr<SlateDistribution> decide(const Policy& policy, Decision decision,
                                          const RequestBatch& requests) {
  if (decision == Decision::kModules) return policy.distribution(requests);
  return policy.ranker() != nullptr ? policy.ranker()->distribution(requests)
                                    : as_retrieved(requests);
}

PageDistribution decide_pages(const Policy& policy, const RequestBatch& requests) {
  PageDistribution page = policy.page_distribution(requests);
  if (page.items == nullptr) page.items = as_retrieved(requests);
  return page;
}

RequestBatch items_as_choices(const RequestBatch& requests) {
  RequestBatch out = requests;
  out.latents.reset();
  if (requests.candidate.empty() && !requests.module.empty())
    throw Error(ErrorKind::kInput,
                "the items of a list are ordered by the candidates of its requests, and these have "
                "none");
  out.module_offsets = requests.candidate_offsets;
  out.module.resize(requests.candidate.size());
  out.n_slots.resize(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests.n_eligible(i) != 1) refuse(requests, i, "a list has one module, and shows it");
    const std::uint32_t first = requests.candidate_offsets[i];
    const std::uint32_t n = requests.candidate_offsets[i + 1] - first;
    std::iota(out.module.begin() + first, out.module.begin() + first + n, std::uint16_t{0});
    out.n_slots[i] = static_cast<std::uint16_t>(requests.n_placed(i, n));
  }
  out.n_positions.clear();
  out.candidate_offsets.resize(requests.candidate.size() + 1);
  std::iota(out.candidate_offsets.begin(), out.candidate_offsets.end(), 0u);
  return out;
}

LogBatch items_as_choices(const LogBatch& batch) {
  const RequestBatch& requests = batch.requests;
  const PageBatch& pages = batch.pages;
  LogBatch out;
  out.requests = items_as_choices(requests);
  out.pages.slot_offsets = pages.item_offsets;
  out.pages.module.resize(pages.item.size());
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (pages.n_shown(i) != 1) refuse(requests, i, "a list has one module, and shows it");
    const std::uint32_t first = requests.candidate_offsets[i];
    const std::span<const std::uint32_t> candidates{requests.candidate.data() + first,
                                                    requests.candidate_offsets[i + 1] - first};
    for (std::uint32_t j = pages.item_offsets[i]; j < pages.item_offsets[i + 1]; ++j) {
      const auto at = std::find(candidates.begin(), candidates.end(), pages.item[j]);
      if (at == candidates.end())
        refuse(requests, i, fmt::format("item {} is shown but was not retrieved", pages.item[j]));
      out.pages.module[j] = static_cast<std::uint16_t>(at - candidates.begin());
    }
  }
  const std::size_t n_items = pages.item.size();
  out.propensities.pscore = batch.propensities.pscore;
  out.propensities.component = batch.propensities.component;
  out.propensities.pscore_cascade = or_ones(batch.propensities.pscore_in_module_cascade, n_items);
  out.propensities.pscore_item_position =
      or_ones(batch.propensities.pscore_in_module_position, n_items);
  out.propensities.pscore_items.assign(n_items, 1.0);
  out.responses.click = batch.responses.item_click;
  out.responses.purchase = batch.responses.item_purchase;
  return out;
}

}  // namespace rehearsal
