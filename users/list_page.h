#pragma once

#include <span>

#include "sim/batch.h"
#include "sim/core/error.h"

namespace rehearsal {

/// The page of round i of a world of one module.
struct ListPage {
  ListPage(const PageBatch& pages, std::size_t i)
      : slot(pages.slot_offsets[i]),
        first(pages.item_offsets[slot]),
        items(pages.item.data() + first, pages.item_offsets[slot + 1] - first) {
    REHEARSAL_CHECK(pages.n_shown(i) == 1);
  }

  std::size_t slot;                      // into the columns of slots
  std::size_t first;                     // into the columns of items
  std::span<const std::uint32_t> items;  // in the order shown
};

}  // namespace rehearsal
