#include "policies/context_scorer.h"

#include "policies/learning.h"

namespace rehearsal {

ContextScorer::ContextScorer(const Encoder& encoder, const ModuleNetworkSpec& spec,
                             const Arrays& state)
    : encoder_(encoder),
      scale_(state_array(state, "input_mean", {encoder.n_inputs()}).values,
             state_array(state, "input_sd", {encoder.n_inputs()}).values),
      scorer_(spec, state) {}

void ContextScorer::logits(const RequestBatch& requests, RowMatrixF& logits) const {
  RowMatrixF inputs;
  encoder_.encode(requests, inputs);
  for (Eigen::Index i = 0; i < inputs.rows(); ++i)
    scale_.apply({inputs.row(i).data(), encoder_.n_inputs()});
  scorer_.score(inputs, logits);
}

Arrays scorer_state(Arrays weights, const InputScale& scale) {
  weights["input_mean"] = to_array(scale.mean());
  weights["input_sd"] = to_array(scale.sd());
  return weights;
}

}  // namespace rehearsal
