#pragma once

#include <vector>

#include "sim/decision.h"
#include "tests/policies/small_list.h"
#include "tests/sim/slate_checks.h"
#include "tests/support/temporary_folder.h"

namespace rehearsal::small_list {

/// Lists that a policy draws.
struct DrawnLists {
  PageBatch pages;
  Propensities own;  // as it draws them

  std::vector<std::uint32_t> items(std::size_t i) const {
    return {pages.item.begin() + pages.item_offsets[i],
            pages.item.begin() + pages.item_offsets[i + 1]};
  }
};

/// Draws a list a request: each has the propensities that the policy gives for others' lists.
inline DrawnLists check_drawn(const Policy& policy, const RequestBatch& requests) {
  DrawnLists drawn;
  drawn.pages = recommend(policy, requests, Rng(40), &drawn.own);
  const Propensities again = propensities(policy, requests, drawn.pages);
  CHECK(drawn.own.pscore == again.pscore);
  CHECK(drawn.own.pscore_in_module_cascade == again.pscore_in_module_cascade);
  CHECK(drawn.own.pscore_in_module_position == again.pscore_in_module_position);
  return drawn;
}

/// The first n_enumerated requests' distributions follow from their lists' probabilities, and what
/// is saved and loaded draws the same. Args: drawn: by check_drawn.
inline void check_exact_and_kept(const Policy& policy, const Schema& schema,
                                 const RequestBatch& requests, const DrawnLists& drawn,
                                 std::size_t n_enumerated) {
  const auto slates = decide(policy, Decision::kItems, requests);
  for (std::size_t i = 0; i < n_enumerated; ++i)
    testing::check_against_enumeration(*slates, i, 1e-7);
  const TemporaryFolder folder;
  save_policy(policy, policy.config(), folder.path("saved"));
  const auto loaded = load_policy(folder.path("saved"), schema);
  Propensities after;
  CHECK(recommend(*loaded, requests, Rng(40), &after).item == drawn.pages.item);
  CHECK(after.pscore == drawn.own.pscore);
}

}  // namespace rehearsal::small_list
