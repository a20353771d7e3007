#include "policies/orderers/serving.h"

#include <algorithm>
#include <numeric>

#include "policies/context_scorer.h"
#include "policies/learning.h"

namespace rehearsal {

namespace {

constexpr std::size_t kBlock = 64;

}  // namespace

void ServeConfig::add_to(Fields& fields) {
  fields
      .choice("serve", serve, {"best", "sample"},
              "best: always the best page found; sample: one after another, drawn")
      .add("temperature", temperature, 1e-3, 1e3,
           "of drawn pages: logits are divided by it; low: nearly always the best");
}

CandidatePages served_pages(const RequestBatch& requests, const CandidateReader& reader,
                            const OrdererScales& scales) {
  CandidatePages pages;
  reader.add(requests, pages);
  reader.apply(scales.inputs, scales.own, pages);
  return pages;
}

Arrays orderer_state(Arrays parameters, const CandidateReader& reader, const OrderedPages& pages,
                     const std::vector<double>& losses) {
  Arrays state = scorer_state(std::move(parameters), pages.scale);
  reader.choices().add_to(state, pages.own);
  state["loss"] = to_array(losses);
  return state;
}

OrdererScales saved_scales(const Arrays& state, const CandidateReader& reader) {
  const std::size_t n_inputs = reader.encoder().n_inputs();
  return {InputScale(state_array(state, "input_mean", {n_inputs}).values,
                     state_array(state, "input_sd", {n_inputs}).values),
          reader.choices().own_scale(state)};
}

void for_each_block(std::size_t n,
                    const std::function<void(std::span<const std::uint32_t> rows)>& body) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  for (std::size_t first = 0; first < n; first += kBlock)
    body({rows.data() + first, std::min(kBlock, n - first)});
}

}  // namespace rehearsal
