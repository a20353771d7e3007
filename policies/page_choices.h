#pragma once

#include <memory>
#include <vector>

#include "sim/batch.h"
#include "sim/slate.h"

namespace rehearsal {

/// min(n_slots, eligible modules) of every request: what a page policy places.
std::vector<std::uint16_t> page_positions(const RequestBatch& requests);

/// Items that every candidate list places: all it retrieved, or as many as a module has room for.
std::vector<std::uint16_t> item_positions(const RequestBatch& requests);

/// The eligible modules by descending score. Args: scores: one an eligible module, all requests.
std::unique_ptr<SlateDistribution> order_by_score(const RequestBatch& requests,
                                                  std::vector<double> scores);

}  // namespace rehearsal
