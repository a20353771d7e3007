#pragma once

#include <functional>
#include <string>
#include <vector>

#include "policies/orderers/candidates.h"
#include "sim/core/arrays.h"
#include "sim/core/fields.h"

namespace rehearsal {

/// Keys of how an orderer's pages are chosen.
struct ServeConfig {
  std::string serve = "best";
  double temperature = 0.3;

  void add_to(Fields& fields);
  bool best() const { return serve == "best"; }
};

/// Requests as a trained orderer reads them.
CandidatePages served_pages(const RequestBatch& requests, const CandidateReader& reader,
                            const InputScale& scale);
/// The scale of a saved state (scorer_state()).
InputScale saved_scale(const Arrays& state, std::size_t n_inputs);
/// Calls body(rows) for all of n pages, as many at a time as fit the caches.
void for_each_block(std::size_t n,
                    const std::function<void(std::span<const std::uint32_t> rows)>& body);

}  // namespace rehearsal
