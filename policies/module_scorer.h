#pragma once

#include <string>
#include <vector>

#include "sim/trainer.h"

namespace rehearsal {

/// A trained module network (sim/trainer.h) without libtorch: what serving uses.
class ModuleScorer {
 public:
  /// Rows that are scored together; the last block is padded with zeros. With pages as columns of
  /// the products, and always as many, a page's logits do not depend on its place in the batch.
  static constexpr Eigen::Index kBlock = 64;

  /// Args: weights: as TrainedNetwork::weights; position logits are dropped.
  /// Raises: Error(kInput) for a missing array or one of another shape.
  ModuleScorer(const ModuleNetworkSpec& spec, const Arrays& weights);

  /// Args: features: (n_pages, n_inputs) standardised.
  ///       logits: resized to (n_pages, n_tasks * n_modules), click first.
  void score(const RowMatrixF& features, RowMatrixF& logits) const;

 private:
  using Columns = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;  // a page a column

  struct Layer {
    Columns weight;  // (width, fan_in)
    Eigen::VectorXf bias;
  };

  /// Args: outputs: (n_tasks * n_modules, kBlock).
  void score_block(Eigen::Ref<const Columns> inputs, std::vector<Columns>& outputs) const;

  std::vector<Layer> layers_;  // trunk, then the heads of all tasks
};

}  // namespace rehearsal
