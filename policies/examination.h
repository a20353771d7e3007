#pragma once

#include <vector>

#include "policies/choices.h"
#include "sim/encoder.h"
#include "sim/log/source.h"

namespace rehearsal {

/// How much each place is looked at, relative to slot 0 of the same device, from a log with exact
/// propensities (inverse-propensity weighting by place; Joachims et al., WSDM 2017, Lo et al.,
/// RecSys 2021). With w = min(1 / pscore_item_position, 1000) and c the clicks,
///   theta_k = (sum_rounds w_k c_k + w) / (sum_rounds w_0 c_0 + w),
/// both sums over the device's rounds that fill slot k, so that every eligible module weighs the
/// same at both places. The `w` alone is the device's mean weight of a click: one click more at
/// each place, so that a log without clicks says 1. theta_0 = 1. A log whose policy never varies
/// its order cannot tell place from module; then theta_k is the ratio of the clicks seen.
class ExaminationEstimator {
 public:
  explicit ExaminationEstimator(const Schema& schema) : ExaminationEstimator(Encoder(schema)) {}
  explicit ExaminationEstimator(Encoder encoder);

  /// Raises: Error(kInput) when pscore_item_position is not recorded.
  void add(const LogBatch& batch);
  /// Returns: (n_positions) by Encoder::position, device * n_slots + slot.
  std::vector<double> theta() const;

 private:
  Encoder encoder_;
  std::vector<double> weighted_clicks_;  // (n_positions)
  std::vector<double>
      weighted_clicks_at_top_;  // (n_positions) at slot 0 of the rounds that fill it
  std::vector<double> clicks_;  // (n_positions)
};

/// theta of a whole log, in one pass; of a list's places where those are decided.
std::vector<double> estimate_examination(const RoundSource& rounds, const Choices& choices);

}  // namespace rehearsal
