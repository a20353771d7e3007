#pragma once

#include "policies/module_examples.h"
#include "policies/module_scorer.h"
#include "sim/encoder.h"

namespace rehearsal {

/// A trained module network with what its inputs need: from requests to logits.
class ContextScorer {
 public:
  /// Args: state: as scorer_state() gives it.
  /// Raises: Error(kInput) for a missing array or one of another shape.
  ContextScorer(const Encoder& encoder, const ModuleNetworkSpec& spec, const Arrays& state);

  const Encoder& encoder() const { return encoder_; }
  /// Args: logits: resized to (n_rounds, n_tasks * n_modules), click first.
  void logits(const RequestBatch& requests, RowMatrixF& logits) const;

 private:
  Encoder encoder_;
  InputScale scale_;
  ModuleScorer scorer_;
};

/// What is saved of a network: its weights, "input_mean" and "input_sd" (n_inputs).
Arrays scorer_state(Arrays weights, const InputScale& scale);

}  // namespace rehearsal
