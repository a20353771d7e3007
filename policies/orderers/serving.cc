#include "policies/orderers/serving.h"

#include <algorithm>
#include <numeric>

#include "policies/learning.h"

namespace rehearsal {

namespace {

constexpr std::size_t kBlock = 64;

}  // namespace

void ServeConfig::add_to(Fields& fields) {
  fields
      .choice("serve", serve, {"best", "sample"},
              "best: always the best page found; sample: module by module, drawn")
      .add("temperature", temperature, 1e-3, 1e3,
           "of drawn pages: logits are divided by it; low: nearly always the best");
}

CandidatePages served_pages(const RequestBatch& requests, const CandidateReader& reader,
                            const InputScale& scale) {
  CandidatePages pages;
  reader.add(requests, pages);
  apply(scale, pages);
  return pages;
}

InputScale saved_scale(const Arrays& state, std::size_t n_inputs) {
  return InputScale(state_array(state, "input_mean", {n_inputs}).values,
                    state_array(state, "input_sd", {n_inputs}).values);
}

void for_each_block(std::size_t n,
                    const std::function<void(std::span<const std::uint32_t> rows)>& body) {
  std::vector<std::uint32_t> rows(n);
  std::iota(rows.begin(), rows.end(), 0u);
  for (std::size_t first = 0; first < n; first += kBlock)
    body({rows.data() + first, std::min(kBlock, n - first)});
}

}  // namespace rehearsal
