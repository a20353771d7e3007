#include "policies/module_scorer.h"

#include <fmt/format.h>

#include "policies/learning.h"
#include "sim/core/error.h"
#include "sim/core/products.h"

namespace rehearsal {

ModuleScorer::ModuleScorer(const ModuleNetworkSpec& spec, const Arrays& weights) {
  Eigen::Index fan_in = spec.n_inputs;
  // Outputs from first_row on of the layer that is last.
  const auto fill = [&](const std::string& name, Eigen::Index first_row, Eigen::Index n_rows) {
    const auto rows = static_cast<std::size_t>(n_rows);
    const Array& weight =
        state_array(weights, name + ".weight", {rows, static_cast<std::size_t>(fan_in)});
    const Array& bias = state_array(weights, name + ".bias", {rows});
    layers_.back().weight.middleCols(first_row, n_rows) =
        Eigen::Map<const RowMatrix>(weight.values.data(), n_rows, fan_in).cast<float>().transpose();
    layers_.back().bias.segment(first_row, n_rows) =
        Eigen::Map<const Eigen::VectorXd>(bias.values.data(), n_rows).cast<float>();
  };
  const auto add = [&](Eigen::Index width) {
    layers_.push_back({RowMatrixF(fan_in, width), Eigen::RowVectorXf(width)});
  };
  for (std::size_t l = 0; l < spec.hidden.size(); ++l) {
    add(spec.hidden[l]);
    fill(fmt::format("trunk.{}", l), 0, spec.hidden[l]);
    fan_in = spec.hidden[l];
  }
  add(spec.n_modules * (spec.purchase ? 2 : 1));
  fill("click", 0, spec.n_modules);
  if (spec.purchase) fill("purchase", spec.n_modules, spec.n_modules);
}

void ModuleScorer::score(const RowMatrixF& features, RowMatrixF& logits) const {
  REHEARSAL_CHECK(features.cols() == layers_.front().weight.rows());
  logits.resize(features.rows(), layers_.back().bias.size());
  std::vector<RowMatrixF> hidden;
  for (std::size_t l = 0; l + 1 < layers_.size(); ++l)
    hidden.emplace_back(std::min(kBlock, features.rows()), layers_[l].bias.size());
  for (Eigen::Index first = 0; first < features.rows(); first += kBlock) {
    const Eigen::Index n = std::min(kBlock, features.rows() - first);
    const float* inputs = features.data() + first * features.cols();
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const RowMatrixF& weight = layers_[l].weight;
      const bool last = l + 1 == layers_.size();
      float* outputs = last ? logits.data() + first * logits.cols() : hidden[l].data();
      const auto width = static_cast<std::size_t>(weight.cols());
      const auto fan_in = static_cast<std::size_t>(weight.rows());
      multiply({inputs, fan_in, 1}, weight.data(), static_cast<std::size_t>(n), fan_in, width,
               false, outputs);
      Eigen::Map<RowMatrixF> out(outputs, n, weight.cols());
      out.rowwise() += layers_[l].bias;
      if (!last) out = out.cwiseMax(0.0f);
      inputs = outputs;
    }
  }
}

}  // namespace rehearsal
