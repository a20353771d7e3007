#pragma once

// Hidden truth. Only the simulator (sim/engine, sim/world), users/, scenarios/ and tests/ may
// include this header: what trains or estimates cannot name what stands here.

#include <cstdint>
#include <vector>

#include "sim/batch.h"

namespace rehearsal {

/// What drives the users of a batch of requests and nobody observes.
struct Latents {
  RowMatrixF request;  // (n_rounds, n_request_latents) as the world drew them
  RowMatrix state;     // (n_rounds, n_state) the user model's evolving state of each round's user
};

/// The truth beside a batch of responses, stored under /truth. Empty columns are not recorded.
struct TruthBatch {
  std::vector<float> latents;  // (n_rounds, n_latents)
  std::size_t n_latents = 0;
  std::vector<std::uint8_t> leave;           // (n_rounds) the user left after this round
  std::vector<std::uint8_t> examined;        // (n_slots) the module was looked at
  std::vector<float> p_examination;          // (n_slots)
  std::vector<float> p_click;                // (n_slots) expected clicks
  std::vector<float> p_purchase;             // (n_slots) expected purchases
  std::vector<std::uint8_t> item_examined;   // (n_items) the item was looked at
  std::vector<std::uint8_t> item_satisfied;  // (n_items) its click satisfied
  std::vector<float> p_item_examination;     // (n_items)
  std::vector<float> p_item_click;           // (n_items)

  template <class Self, class F>
  static void visit(Self& self, F&& f) {
    f("latents", Level::kRound, self.n_latents, self.latents, "hidden features of the request");
    f("leave", Level::kRound, 1, self.leave, "the user left after this round");
    f("examined", Level::kSlot, 1, self.examined, "the module was looked at");
    f("p_examination", Level::kSlot, 1, self.p_examination, "probability that it is looked at");
    f("p_click", Level::kSlot, 1, self.p_click, "expected clicks on the module");
    f("p_purchase", Level::kSlot, 1, self.p_purchase, "expected purchases from the module");
    f("item_examined", Level::kItem, 1, self.item_examined, "the item was looked at");
    f("item_satisfied", Level::kItem, 1, self.item_satisfied, "the item's click satisfied");
    f("p_item_examination", Level::kItem, 1, self.p_item_examination,
      "probability that the item is looked at");
    f("p_item_click", Level::kItem, 1, self.p_item_click, "probability that the item is clicked");
  }
};

/// Rounds `rows`, in that order.
TruthBatch gather(const TruthBatch& truth, const PageBatch& pages,
                  std::span<const std::uint32_t> rows);
/// Puts the rounds of a batch behind those of another.
void append(const TruthBatch& from, TruthBatch& to);

}  // namespace rehearsal
