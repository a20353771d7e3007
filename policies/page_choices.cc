#include "policies/page_choices.h"

namespace rehearsal {

std::vector<std::uint16_t> page_positions(const RequestBatch& requests) {
  std::vector<std::uint16_t> positions(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i)
    positions[i] = static_cast<std::uint16_t>(
        std::min<std::size_t>(requests.n_slots[i], requests.n_eligible(i)));
  return positions;
}

std::vector<std::uint16_t> item_positions(const RequestBatch& requests) {
  std::vector<std::uint16_t> sizes(requests.module.size());
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t m = requests.module_offsets[i]; m < requests.module_offsets[i + 1]; ++m)
      sizes[m] = static_cast<std::uint16_t>(
          requests.n_placed(i, requests.candidate_offsets[m + 1] - requests.candidate_offsets[m]));
  return sizes;
}

std::unique_ptr<SlateDistribution> order_by_score(const RequestBatch& requests,
                                                  std::vector<double> scores) {
  return make_deterministic(requests.module_offsets, page_positions(requests), std::move(scores));
}

}  // namespace rehearsal
