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
struct Decisions : PageDistribution {
  Decisions(const Policy& policy, const RequestBatch& requests, bool with_items)
      : PageDistribution(with_items && policy.ranker() != nullptr
                             ? policy.page_distribution(requests)
                             : PageDistribution{policy.distribution(requests), nullptr}) {
    REHEARSAL_CHECK(modules->size() == requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      REHEARSAL_CHECK(modules->n_choices(i) == requests.n_eligible(i) &&
                      modules->n_positions(i) <= modules->n_choices(i));
    REHEARSAL_CHECK(!items || items->size() == requests.module.size());
  }
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

/// Columns of their sizes, to be filled; items stay as retrieved unless a ranker says otherwise.
void size_columns(std::size_t n_rounds, std::size_t n_slots, Propensities& columns) {
  columns.pscore.resize(n_rounds);
  columns.pscore_cascade.resize(n_slots);
  columns.pscore_item_position.resize(n_slots);
  columns.pscore_items.assign(n_slots, 1);
  columns.pscore_in_module_cascade.clear();
  columns.pscore_in_module_position.clear();
  columns.component.clear();
}

/// What the ranker says of the items of one shown module, column by column.
struct ItemScores {
  const SlateDistribution& ranker;
  Propensities& columns;

  /// Appends the probabilities of the items in `order`, candidates of eligible module `e`.
  /// Returns: the probability of the whole order.
  double append(std::size_t e, std::span<const std::uint16_t> order) const {
    const std::size_t first = columns.pscore_in_module_cascade.size();
    columns.pscore_in_module_cascade.resize(first + order.size());
    columns.pscore_in_module_position.resize(first + order.size());
    if (order.empty()) return 1;
    double* cascade = columns.pscore_in_module_cascade.data() + first;
    ranker.prefix_probabilities(e, order, {cascade, order.size()});
    ranker.position_probabilities(e, order,
                                  {columns.pscore_in_module_position.data() + first, order.size()});
    return cascade[order.size() - 1];
  }
  /// Of n items that the ranker cannot show so.
  double append_impossible(std::size_t n) const {
    columns.pscore_in_module_cascade.resize(columns.pscore_in_module_cascade.size() + n);
    columns.pscore_in_module_position.resize(columns.pscore_in_module_position.size() + n);
    return 0;
  }
};

/// Draws every page's modules. Args: slates: (n_slots) filled with their eligible indices.
///       component: (n_rounds) filled, or null.
void show_modules(const SlateDistribution& modules, const RequestBatch& requests, const Rng& rng,
                  PageBatch& pages, std::span<std::uint16_t> slates, std::uint8_t* component) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first = pages.slot_offsets[i];
    const std::span<std::uint16_t> slate = slates.subspan(first, pages.n_shown(i));
    const std::span<const std::uint16_t> eligible = requests.eligible(i);
    const SlateAddress address{Draw::kPolicy, requests.turn(i), eligible, 0};
    const std::uint8_t part =
        slate.empty() ? std::uint8_t{0} : modules.sample(i, rng, address, slate);
    for (std::size_t k = 0; k < slate.size(); ++k) pages.module[first + k] = eligible[slate[k]];
    if (component != nullptr) component[i] = part;
  }
}

void copy_items(const std::uint32_t* from, std::size_t n, std::uint32_t* to) {
  constexpr std::size_t kUsual = 8;  // of a size the compiler knows: no call, no loop
  if (n == kUsual)
    std::copy_n(from, kUsual, to);
  else
    for (std::size_t k = 0; k < n; ++k) to[k] = from[k];
}

/// Places the items of all shown modules as they were retrieved.
void show_retrieved(const RequestBatch& requests, std::span<const std::uint16_t> slates,
                    PageBatch& pages) {
  pages.item_offsets.resize(slates.size() + 1);
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
      const std::size_t e = requests.module_offsets[i] + slates[slot];
      const std::size_t n = requests.candidate_offsets[e + 1] - requests.candidate_offsets[e];
      pages.item_offsets[slot + 1] =
          pages.item_offsets[slot] + static_cast<std::uint32_t>(requests.n_placed(i, n));
    }
  pages.item.resize(pages.item_offsets.back());
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
      const std::size_t e = requests.module_offsets[i] + slates[slot];
      const std::uint32_t* from = requests.candidate.data() + requests.candidate_offsets[e];
      std::uint32_t* to = pages.item.data() + pages.item_offsets[slot];
      const std::size_t n = pages.item_offsets[slot + 1] - pages.item_offsets[slot];
      copy_items(from, n, to);
    }
}

/// Places the items of eligible module `e` (index into the batch) on the page.
/// Args: order: filled with the shown candidates, by their place in the retrieved list.
/// Returns: the ranker's component that ordered them.
std::uint8_t show_ranked(const SlateDistribution& ranker, const RequestBatch& requests,
                         std::size_t i, std::size_t e, const Rng& rng,
                         std::vector<std::uint16_t>& order, PageBatch& pages) {
  const std::size_t first = requests.candidate_offsets[e];
  const std::size_t n = requests.candidate_offsets[e + 1] - first;
  const std::uint32_t* candidates = requests.candidate.data() + first;
  REHEARSAL_CHECK(ranker.n_positions(e) == requests.n_placed(i, n));
  order.resize(ranker.n_positions(e));
  Scratch<std::uint16_t> ids(n);
  std::iota(ids.data(), ids.data() + n, std::uint16_t{0});
  REHEARSAL_CHECK(n < (1u << kRankerBits) && requests.module[e] < (1u << kRankerBits));
  const std::uint32_t base = static_cast<std::uint32_t>(requests.module[e]) << kRankerBits;
  const std::uint8_t component =
      ranker.sample(e, rng, {Draw::kRanker, requests.turn(i), ids.span(), base}, order);
  for (const std::uint16_t choice : order) pages.item.push_back(candidates[choice]);
  pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
  return component;
}

/// Places the items of all shown modules in the ranker's order.
void show_ranked_items(const SlateDistribution& ranker, const RequestBatch& requests,
                       const Rng& rng, std::span<const std::uint16_t> slates, PageBatch& pages,
                       Propensities* columns) {
  pages.item.clear();
  pages.item_offsets.assign(1, 0);
  std::vector<std::uint16_t> order;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
      const std::size_t e = requests.module_offsets[i] + slates[slot];
      const std::uint8_t part = show_ranked(ranker, requests, i, e, rng, order, pages);
      if (columns == nullptr) continue;
      columns->pscore_items[slot] = ItemScores{ranker, *columns}.append(e, order);
      // Where there is one module to show, the order of its items is the decision.
      if (requests.n_eligible(i) == 1) columns->component[i] = part;
    }
}

/// Of pages that the policy itself drew.
void score_own_pages(const Decisions& decisions, const PageBatch& pages,
                     std::span<const std::uint16_t> slates, Propensities& columns) {
  if (decisions.modules->deterministic()) {
    std::fill(columns.pscore_cascade.begin(), columns.pscore_cascade.end(), 1);
    std::fill(columns.pscore_item_position.begin(), columns.pscore_item_position.end(), 1);
    if (!decisions.items) return std::fill(columns.pscore.begin(), columns.pscore.end(), 1);
  }
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::size_t first_slot = pages.slot_offsets[i];
    if (!decisions.modules->deterministic())
      score_modules(*decisions.modules, i, slates.subspan(first_slot, pages.n_shown(i)), first_slot,
                    columns);
    columns.pscore[i] = page_probability(columns, first_slot, pages.n_shown(i));
  }
}

/// The probability of the items of slot `slot` of round i, of eligible module `e`; 0 for an item
/// that was not retrieved, as no ranker of ours can show it.
double score_items(const SlateDistribution* ranker, const RequestBatch& requests, std::size_t i,
                   std::size_t e, const PageBatch& pages, std::size_t slot, Propensities& columns) {
  const std::span<const std::uint32_t> shown{
      pages.item.data() + pages.item_offsets[slot],
      pages.item_offsets[slot + 1] - pages.item_offsets[slot]};
  const std::size_t first = requests.candidate_offsets[e];
  const std::span<const std::uint32_t> candidates{requests.candidate.data() + first,
                                                  requests.candidate_offsets[e + 1] - first};
  if (ranker == nullptr) {
    if (shown.size() > requests.n_placed(i, candidates.size())) return 0;
    return std::equal(shown.begin(), shown.end(), candidates.begin()) ? 1 : 0;
  }
  const ItemScores scores{*ranker, columns};
  if (shown.size() > ranker->n_positions(e)) return scores.append_impossible(shown.size());
  Scratch<std::uint16_t> order(shown.size());
  for (std::size_t k = 0; k < shown.size(); ++k) {
    const auto at = std::find(candidates.begin(), candidates.end(), shown[k]);
    const auto choice = static_cast<std::uint16_t>(at - candidates.begin());
    const bool again = std::find(order.data(), order.data() + k, choice) != order.data() + k;
    if (at == candidates.end() || again) return scores.append_impossible(shown.size());
    order[k] = choice;
  }
  return scores.append(e, order.span());
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

bool Policy::reads_candidates() const {
  const std::map<std::string, const Policy*> all = parts();
  return std::any_of(all.begin(), all.end(),
                     [](const auto& part) { return part.second->reads_candidates(); });
}

PageDistribution Policy::page_distribution(const RequestBatch& requests) const {
  return {distribution(requests), ranker_ ? ranker_->distribution(requests) : nullptr};
}

void recommend(const Policy& policy, const RequestBatch& requests, const Rng& rng, PageBatch& pages,
               Propensities* propensities) {
  const bool with_items = !requests.candidate.empty();
  const Decisions decisions(policy, requests, with_items);
  pages.slot_offsets.resize(requests.size() + 1);
  for (std::size_t i = 0; i < requests.size(); ++i)
    pages.slot_offsets[i + 1] =
        static_cast<std::uint32_t>(pages.slot_offsets[i] + decisions.modules->n_positions(i));
  pages.module.resize(pages.slot_offsets.back());
  if (propensities != nullptr) {
    size_columns(requests.size(), pages.module.size(), *propensities);
    propensities->component.resize(requests.size());
  }
  std::vector<std::uint16_t> slates(pages.module.size());
  show_modules(*decisions.modules, requests, rng, pages, slates,
               propensities != nullptr ? propensities->component.data() : nullptr);
  if (decisions.items) {
    show_ranked_items(*decisions.items, requests, rng, slates, pages, propensities);
  } else if (with_items) {
    show_retrieved(requests, slates, pages);
  } else {
    pages.item.clear();
    pages.item_offsets.assign(1, 0);
  }
  if (propensities != nullptr) score_own_pages(decisions, pages, slates, *propensities);
}

PageBatch recommend(const Policy& policy, const RequestBatch& requests, const Rng& rng,
                    Propensities* propensities) {
  PageBatch pages;
  recommend(policy, requests, rng, pages, propensities);
  return pages;
}

Propensities propensities(const Policy& policy, const RequestBatch& requests,
                          const PageBatch& pages) {
  REHEARSAL_CHECK(pages.size() == requests.size());
  const bool with_items = !requests.candidate.empty() && !pages.item.empty();
  const Decisions decisions(policy, requests, with_items);
  Propensities columns;
  size_columns(requests.size(), pages.module.size(), columns);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first_slot = pages.slot_offsets[i];
    const std::size_t n_shown = pages.n_shown(i);
    Scratch<std::uint16_t> slate(n_shown);
    find_choices(requests, pages, i, decisions.modules->n_positions(i), slate.span());
    score_modules(*decisions.modules, i, slate.span(), first_slot, columns);
    for (std::size_t k = 0; with_items && k < n_shown; ++k)
      columns.pscore_items[first_slot + k] =
          score_items(decisions.items.get(), requests, i, requests.module_offsets[i] + slate[k],
                      pages, first_slot + k, columns);
    columns.pscore[i] = page_probability(columns, first_slot, n_shown);
  }
  return columns;
}

}  // namespace rehearsal
