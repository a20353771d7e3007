#include "sim/policy.h"

#include <algorithm>
#include <numeric>

#include "sim/core/error.h"
#include "sim/slate/scratch.h"

namespace rehearsal {

namespace {

// A module's ranker draws at the items [module << 12, (module + 1) << 12): its coin first, then its
// candidates by their place in the retrieved list, which the policy does not change.
constexpr std::uint32_t kRankerBits = 12;

std::string name_round(const RequestBatch& requests, std::size_t i) {
  return "user " + std::to_string(requests.user[i]) + ", session " +
         std::to_string(requests.session[i]) + ", round " + std::to_string(requests.round[i]);
}

/// What orders the modules and, where there is one, the items of every eligible module.
struct Decisions {
  Decisions(const Policy& policy, const RequestBatch& requests, bool with_items)
      : modules(policy.distribution(requests)) {
    REHEARSAL_CHECK(modules->size() == requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      REHEARSAL_CHECK(modules->n_choices(i) == requests.n_eligible(i) &&
                      modules->n_positions(i) <= modules->n_choices(i));
    if (!with_items || policy.ranker() == nullptr) return;
    items = policy.ranker()->distribution(requests);
    REHEARSAL_CHECK(items->size() == requests.module.size());
  }

  std::unique_ptr<SlateDistribution> modules;
  std::unique_ptr<SlateDistribution> items;  // null: items stay as retrieved
};

/// Computes one round's columns from the eligible indices of its modules.
void score_modules(const SlateDistribution& modules, std::size_t i,
                   std::span<const std::uint16_t> slate, std::size_t first_slot,
                   Propensities& out) {
  modules.prefix_probabilities(i, slate, {out.pscore_cascade.data() + first_slot, slate.size()});
  modules.position_probabilities(i, slate,
                                 {out.pscore_item_position.data() + first_slot, slate.size()});
}

/// The whole page: the modules' joint probability times that of every module's items.
double page_probability(const Propensities& columns, std::size_t first_slot, std::size_t n_shown) {
  double probability = n_shown == 0 ? 1 : columns.pscore_cascade[first_slot + n_shown - 1];
  for (std::size_t k = 0; k < n_shown; ++k) probability *= columns.pscore_items[first_slot + k];
  return probability;
}

Propensities empty_columns(std::size_t n_rounds, std::size_t n_slots) {
  Propensities columns;
  columns.pscore.resize(n_rounds);
  columns.pscore_cascade.resize(n_slots);
  columns.pscore_item_position.resize(n_slots);
  columns.pscore_items.assign(n_slots, 1);
  return columns;
}

/// Places the items of eligible module `e` (index into the batch) on the page.
/// Returns: the probability of their order.
double show_items(const SlateDistribution* ranker, const RequestBatch& requests, std::size_t i,
                  std::size_t e, const Rng& rng, bool with_propensities, PageBatch& pages) {
  const std::size_t first = requests.candidate_offsets[e];
  const std::size_t n = requests.candidate_offsets[e + 1] - first;
  const std::uint32_t* candidates = requests.candidate.data() + first;
  double probability = 1;
  if (ranker == nullptr) {
    pages.item.resize(pages.item.size() + n);
    std::uint32_t* to = pages.item.data() + pages.item.size() - n;
    for (std::size_t k = 0; k < n; ++k) to[k] = candidates[k];
  } else {
    const std::size_t n_placed = ranker->n_positions(e);
    Scratch<std::uint16_t> ids(n);
    std::iota(ids.data(), ids.data() + n, std::uint16_t{0});
    Scratch<std::uint16_t> order(n_placed);
    REHEARSAL_CHECK(n < (1u << kRankerBits) && requests.module[e] < (1u << kRankerBits));
    const std::uint32_t base = static_cast<std::uint32_t>(requests.module[e]) << kRankerBits;
    ranker->sample(e, rng, {Draw::kRanker, requests.turn(i), ids.span(), base}, order.span());
    for (const std::uint16_t choice : order.span()) pages.item.push_back(candidates[choice]);
    if (with_propensities && n_placed > 0) {
      Scratch<double> prefix(n_placed);
      ranker->prefix_probabilities(e, order.span(), prefix.span());
      probability = prefix[n_placed - 1];
    }
  }
  pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
  return probability;
}

/// The probability of the items of slot `slot`, of eligible module `e`; 0 for an item that was not
/// retrieved, as no ranker of ours can show it.
double score_items(const SlateDistribution* ranker, const RequestBatch& requests, std::size_t e,
                   const PageBatch& pages, std::size_t slot) {
  const std::span<const std::uint32_t> shown{
      pages.item.data() + pages.item_offsets[slot],
      pages.item_offsets[slot + 1] - pages.item_offsets[slot]};
  const std::size_t first = requests.candidate_offsets[e];
  const std::span<const std::uint32_t> candidates{requests.candidate.data() + first,
                                                  requests.candidate_offsets[e + 1] - first};
  if (shown.empty()) return 1;
  if (shown.size() > candidates.size()) return 0;
  if (ranker == nullptr) return std::equal(shown.begin(), shown.end(), candidates.begin()) ? 1 : 0;
  if (shown.size() > ranker->n_positions(e)) return 0;
  Scratch<std::uint16_t> order(shown.size());
  for (std::size_t k = 0; k < shown.size(); ++k) {
    const auto at = std::find(candidates.begin(), candidates.end(), shown[k]);
    const auto choice = static_cast<std::uint16_t>(at - candidates.begin());
    const bool again = std::find(order.data(), order.data() + k, choice) != order.data() + k;
    if (at == candidates.end() || again) return 0;
    order[k] = choice;
  }
  Scratch<double> prefix(shown.size());
  ranker->prefix_probabilities(e, order.span(), prefix.span());
  return prefix[shown.size() - 1];
}

/// The eligible index of every module of page i.
void find_choices(const RequestBatch& requests, const PageBatch& pages, std::size_t i,
                  std::size_t n_positions, std::span<std::uint16_t> slate) {
  const auto refuse = [&](std::size_t k, const std::string& what) {
    throw Error(ErrorKind::kInput, name_round(requests, i) + ": slot " + std::to_string(k) +
                                       " shows module " + std::to_string(pages.shown(i)[k]) + ", " +
                                       what);
  };
  const std::span<const std::uint16_t> eligible = requests.eligible(i);
  const std::span<const std::uint16_t> shown = pages.shown(i);
  for (std::size_t k = 0; k < shown.size(); ++k) {
    const auto at = std::find(eligible.begin(), eligible.end(), shown[k]);
    if (at == eligible.end()) refuse(k, "which is not among the round's eligible modules");
    slate[k] = static_cast<std::uint16_t>(at - eligible.begin());
    if (std::find(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k), slate[k]) !=
        slate.begin() + static_cast<std::ptrdiff_t>(k))
      refuse(k, "which an earlier slot shows already");
    if (k >= n_positions)
      refuse(k, "but the page has room for " + std::to_string(n_positions) + " modules");
  }
}

}  // namespace

PageBatch recommend(const Policy& policy, const RequestBatch& requests, const Rng& rng,
                    Propensities* propensities) {
  const bool with_items = !requests.candidate.empty();
  const Decisions decisions(policy, requests, with_items);
  PageBatch pages;
  pages.slot_offsets.reserve(requests.size() + 1);
  for (std::size_t i = 0; i < requests.size(); ++i)
    pages.slot_offsets.push_back(
        static_cast<std::uint32_t>(pages.slot_offsets.back() + decisions.modules->n_positions(i)));
  pages.module.resize(pages.slot_offsets.back());
  if (with_items) {
    pages.item_offsets.reserve(pages.module.size() + 1);
    pages.item.reserve(requests.candidate.size());
  }
  Propensities columns;
  if (propensities != nullptr) {
    columns = empty_columns(requests.size(), pages.module.size());
    columns.component.resize(requests.size());
  }
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first_slot = pages.slot_offsets[i];
    Scratch<std::uint16_t> slate(pages.n_shown(i));
    const SlateAddress address{Draw::kPolicy, requests.turn(i), requests.eligible(i), 0};
    const std::uint8_t component = slate.span().empty()
                                       ? std::uint8_t{0}
                                       : decisions.modules->sample(i, rng, address, slate.span());
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      pages.module[first_slot + k] = requests.eligible(i)[slate[k]];
      if (!with_items) continue;
      const double of_items =
          show_items(decisions.items.get(), requests, i, requests.module_offsets[i] + slate[k], rng,
                     propensities != nullptr, pages);
      if (propensities != nullptr) columns.pscore_items[first_slot + k] = of_items;
    }
    if (propensities == nullptr) continue;
    columns.component[i] = component;
    score_modules(*decisions.modules, i, slate.span(), first_slot, columns);
    columns.pscore[i] = page_probability(columns, first_slot, pages.n_shown(i));
  }
  if (propensities != nullptr) *propensities = std::move(columns);
  return pages;
}

Propensities propensities(const Policy& policy, const RequestBatch& requests,
                          const PageBatch& pages) {
  REHEARSAL_CHECK(pages.size() == requests.size());
  const bool with_items = !requests.candidate.empty() && !pages.item.empty();
  const Decisions decisions(policy, requests, with_items);
  Propensities columns = empty_columns(requests.size(), pages.module.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first_slot = pages.slot_offsets[i];
    const std::size_t n_shown = pages.n_shown(i);
    Scratch<std::uint16_t> slate(n_shown);
    find_choices(requests, pages, i, decisions.modules->n_positions(i), slate.span());
    score_modules(*decisions.modules, i, slate.span(), first_slot, columns);
    for (std::size_t k = 0; with_items && k < n_shown; ++k)
      columns.pscore_items[first_slot + k] =
          score_items(decisions.items.get(), requests, requests.module_offsets[i] + slate[k], pages,
                      first_slot + k);
    columns.pscore[i] = page_probability(columns, first_slot, n_shown);
  }
  return columns;
}

}  // namespace rehearsal
