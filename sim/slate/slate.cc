#include "sim/slate.h"

namespace rehearsal {

void SlateDistribution::position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                                               std::span<double> out) const {
  RowMatrix all(n_positions(i), n_choices(i));
  marginals(i, all);
  for (std::size_t k = 0; k < slate.size(); ++k)
    out[k] = all(static_cast<Eigen::Index>(k), slate[k]);
}

}  // namespace rehearsal
