#include "policies/off_policy/score_network.h"

#include <cmath>

namespace rehearsal {

ScoreNetwork::ScoreNetwork(std::size_t n_inputs, const std::vector<std::int64_t>& hidden,
                           std::size_t n_modules, const Rng& rng) {
  auto n_in = static_cast<Eigen::Index>(n_inputs);
  const auto add = [&](Eigen::Index n_out, double bound) {
    Layer layer{n_in, n_out, parameters_.size(), 0};
    Stream stream = rng.stream(Draw::kTraining, Turn{}, static_cast<std::uint32_t>(layers_.size()));
    for (Eigen::Index w = 0; w < n_in * n_out; ++w)
      parameters_.push_back(bound * (2 * stream.uniform() - 1));
    decays_.resize(parameters_.size(), 1);
    layer.bias = parameters_.size();
    parameters_.resize(parameters_.size() + static_cast<std::size_t>(n_out), 0.0);
    decays_.resize(parameters_.size(), 0);
    layers_.push_back(layer);
    n_in = n_out;
  };
  for (const std::int64_t width : hidden)
    add(static_cast<Eigen::Index>(width), std::sqrt(6.0 / static_cast<double>(n_in)));
  add(static_cast<Eigen::Index>(n_modules), 0.0);
  gradient_.resize(parameters_.size());
  outputs_.resize(layers_.size() + 1);
}

const RowMatrix& ScoreNetwork::forward(const RowMatrix& inputs) {
  outputs_[0] = inputs;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const Eigen::Map<const Eigen::RowVectorXd> bias(parameters_.data() + layer.bias, layer.n_out);
    outputs_[l + 1].noalias() = outputs_[l] * weight_of(layer).transpose();
    outputs_[l + 1].rowwise() += bias;
    if (l + 1 < layers_.size()) outputs_[l + 1] = outputs_[l + 1].cwiseMax(0.0);
  }
  return outputs_.back();
}

const std::vector<double>& ScoreNetwork::backward(const RowMatrix& logit_gradient) {
  RowMatrix above = logit_gradient;
  for (std::size_t l = layers_.size(); l-- > 0;) {
    const Layer& layer = layers_[l];
    Eigen::Map<RowMatrix> weight(gradient_.data() + layer.weight, layer.n_out, layer.n_in);
    Eigen::Map<Eigen::RowVectorXd> bias(gradient_.data() + layer.bias, layer.n_out);
    weight.noalias() = above.transpose() * outputs_[l];
    bias = above.colwise().sum();
    if (l == 0) break;
    const RowMatrix below = above * weight_of(layer);
    above = (outputs_[l].array() > 0).select(below, 0.0);
  }
  return gradient_;
}

std::span<double> ScoreNetwork::output_bias() {
  const Layer& last = layers_.back();
  return {parameters_.data() + last.bias, static_cast<std::size_t>(last.n_out)};
}

Arrays ScoreNetwork::weights() const {
  Arrays arrays;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    const Layer& layer = layers_[l];
    const std::string name =
        l + 1 == layers_.size() ? "click." : "trunk." + std::to_string(l) + ".";
    const double* weight = parameters_.data() + layer.weight;
    const double* bias = parameters_.data() + layer.bias;
    const auto n_in = static_cast<std::size_t>(layer.n_in);
    const auto n_out = static_cast<std::size_t>(layer.n_out);
    arrays[name + "weight"] = {{n_out, n_in}, {weight, weight + n_in * n_out}};
    arrays[name + "bias"] = {{n_out}, {bias, bias + n_out}};
  }
  return arrays;
}

}  // namespace rehearsal
