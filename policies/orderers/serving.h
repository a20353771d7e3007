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

/// What a trained orderer's inputs are scaled by.
struct OrdererScales {
  InputScale inputs;
  InputScale own;
};
/// Requests, whose modules are the candidates, as a trained orderer reads them.
CandidatePages served_pages(const RequestBatch& requests, const CandidateReader& reader,
                            const OrdererScales& scales);
/// What is saved of an orderer: its parameters, the scales, and its losses.
Arrays orderer_state(Arrays parameters, const CandidateReader& reader, const OrderedPages& pages,
                     const std::vector<double>& losses);
/// The scales of a saved state.
OrdererScales saved_scales(const Arrays& state, const CandidateReader& reader);
/// Calls body(rows) for all of n pages, as many at a time as fit the caches.
void for_each_block(std::size_t n,
                    const std::function<void(std::span<const std::uint32_t> rows)>& body);

}  // namespace rehearsal
