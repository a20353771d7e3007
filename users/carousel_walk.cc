#include "users/carousel_walk.h"

#include "sim/core/scalars.h"

namespace rehearsal {

double RowWalk::entry_by_logit() const {
  const RowEntryLogit& logit = config_.row_entry_logit;
  double z = logit.bias + logit.position * static_cast<double>(row_);
  if (!cells_.heading.empty()) z += logit.heading * cells_.heading[row_];
  const std::size_t shown = std::min(visible_, size_);
  if (logit.visible != 0 && shown > 0) {
    double sum = 0;
    for (std::size_t k = 0; k < shown; ++k) {
      const double p = std::clamp(cells_.attraction[first_ + k], 1e-9, 1 - 1e-9);
      sum += std::log(p / (1 - p));
    }
    z += logit.visible * sum / static_cast<double>(shown);
  }
  return logistic(z);
}

double RowWalk::decay(std::size_t t) const {
  return std::exp(-config_.fatigue.row * static_cast<double>(row_) -
                  config_.fatigue.column * static_cast<double>(t));
}

}  // namespace rehearsal
