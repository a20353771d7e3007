#pragma once

#include <string>
#include <vector>

#include "sim/batch.h"

namespace rehearsal {

/// A fitted reward model q_hat(request, slot, module): the expected reward of showing an eligible
/// module at a slot. Interface only, so that a network fitted by policies/ can serve estimators.
class OutcomeModel {
 public:
  virtual ~OutcomeModel() = default;
  /// Args: out: for request i, block of n_positions(i) * n_eligible(i) values, slot-major, blocks
  /// in
  ///       request order; n_positions = min(n_slots, eligible).
  virtual void predict(const RequestBatch& requests, std::vector<double>& out) const = 0;
};

}  // namespace rehearsal
