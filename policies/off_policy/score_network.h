#pragma once

#include <vector>

#include "sim/core/arrays.h"
#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Logits of all modules from a page's inputs: dense layers with ReLU between them, linear without
/// hidden ones. Trained here; serving scores what `weights` exports (policies/module_scorer.h).
class ScoreNetwork {
 public:
  /// Hidden layers as He et al. (ICCV 2015), the last layer zero: at first every page is equally
  /// likely. Args: hidden: widths.  rng: draws under Draw::kTraining, user 0.
  ScoreNetwork(std::size_t n_inputs, const std::vector<std::int64_t>& hidden, std::size_t n_modules,
               const Rng& rng);

  /// Args: inputs: (n, n_inputs).  Returns: (n, n_modules); kept for `backward`.
  const RowMatrix& forward(const RowMatrix& inputs);
  /// Gradient of a scalar with respect to all parameters, given that with respect to the logits of
  /// the last `forward`. Returns: (n_parameters), valid until the next call.
  const std::vector<double>& backward(const RowMatrix& logit_gradient);

  std::vector<double>& parameters() { return parameters_; }
  const std::vector<double>& parameters() const { return parameters_; }
  /// Whether a parameter is a weight (which decays) and not a bias.
  const std::vector<std::uint8_t>& decays() const { return decays_; }
  /// The biases of the last layer: (n_modules).
  std::span<double> output_bias();
  /// As TrainedNetwork::weights, the head under "click".
  Arrays weights() const;

 private:
  struct Layer {
    Eigen::Index n_in = 0;
    Eigen::Index n_out = 0;
    std::size_t weight = 0;  // (n_out, n_in) from here in parameters_
    std::size_t bias = 0;
  };
  using Map = Eigen::Map<const RowMatrix>;
  Map weight_of(const Layer& layer) const {
    return {parameters_.data() + layer.weight, layer.n_out, layer.n_in};
  }

  std::vector<Layer> layers_;
  std::vector<double> parameters_;
  std::vector<std::uint8_t> decays_;
  std::vector<double> gradient_;
  std::vector<RowMatrix> outputs_;  // inputs, then what each layer gave
};

}  // namespace rehearsal
