#pragma once

#include <cstdint>

#include "sim/batch.h"
#include "sim/truth.h"

// What the users `item_page` keep of a page while they respond to it.
namespace rehearsal {

/// Writes a whole row of impressions: 1 for the first n_seen items, 0 for the others.
inline void fill_seen(std::uint8_t* row, std::size_t n_items, std::size_t n_seen) {
  constexpr std::size_t kUsual = 8;  // of a size the compiler knows: no call, one store
  if (n_items == kUsual)
    for (std::size_t j = 0; j < kUsual; ++j) row[j] = j < n_seen;
  else
    for (std::size_t j = 0; j < n_items; ++j) row[j] = j < n_seen;
}

/// What holds for one slot of a page, exactly.
struct SlotTruth {
  double examination;  // given that reading gets here
  double reach;        // that no purchase above stopped it
  double alpha;        // P(click | examined)
  double kappa;        // P(purchase | click)
};

/// Where the responses of slots go. Plain pointers: a byte stored through a vector makes the
/// compiler read every other vector anew.
struct SlotColumns {
  SlotColumns(ResponseBatch& responses, TruthBatch* truth)
      : click(responses.click.data()), impression(responses.impression.data()) {
    if (truth == nullptr) return;
    examined = truth->examined.data();
    p_examination = truth->p_examination.data();
    p_click = truth->p_click.data();
    p_purchase = truth->p_purchase.data();
  }

  std::uint8_t* click;
  std::uint8_t* impression;
  std::uint8_t* examined = nullptr;  // null: no truth is wanted
  float* p_examination = nullptr;
  float* p_click = nullptr;
  float* p_purchase = nullptr;
};

/// A row where an item is clicked or that may be swiped.
struct RowVisit {
  std::uint32_t at = 0;                  // slot, in the batch
  const std::uint32_t* words = nullptr;  // of its module
  std::uint32_t round = 0;
  std::uint8_t device = 0;
  bool purchase = false;
};

}  // namespace rehearsal
