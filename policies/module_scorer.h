#pragma once

#include <string>
#include <vector>

#include "sim/trainer.h"

namespace rehearsal {

/// A trained module network (sim/trainer.h) without libtorch: what serving uses.
class ModuleScorer {
 public:
  /// Rows that are scored together, to stay in the cache. A page's logits do not depend on the rows
  /// beside it (multiply, sim/core/products.h).
  static constexpr Eigen::Index kBlock = 64;

  /// Args: weights: as TrainedNetwork::weights; position logits are dropped.
  /// Raises: Error(kInput) for a missing array or one of another shape.
  ModuleScorer(const ModuleNetworkSpec& spec, const Arrays& weights);

  /// Args: features: (n_pages, n_inputs) standardised.
  ///       logits: resized to (n_pages, n_tasks * n_modules), click first.
  void score(const RowMatrixF& features, RowMatrixF& logits) const;

 private:
  struct Layer {
    RowMatrixF weight;  // (fan_in, width)
    Eigen::RowVectorXf bias;
  };

  std::vector<Layer> layers_;  // trunk, then the heads of all tasks
};

}  // namespace rehearsal
