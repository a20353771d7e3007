#include "policies/module_scorer.h"

#include <fmt/format.h>

#include "policies/learning.h"
#include "sim/core/error.h"

namespace rehearsal {

ModuleScorer::ModuleScorer(const ModuleNetworkSpec& spec, const Arrays& weights) {
  Eigen::Index fan_in = spec.n_inputs;
  // Rows from first_row on of the layer that is last.
  const auto fill = [&](const std::string& name, Eigen::Index first_row, Eigen::Index n_rows) {
    const auto rows = static_cast<std::size_t>(n_rows);
    const Array& weight =
        state_array(weights, name + ".weight", {rows, static_cast<std::size_t>(fan_in)});
    const Array& bias = state_array(weights, name + ".bias", {rows});
    layers_.back().weight.middleRows(first_row, n_rows) =
        Eigen::Map<const RowMatrix>(weight.values.data(), n_rows, fan_in).cast<float>();
    layers_.back().bias.segment(first_row, n_rows) =
        Eigen::Map<const Eigen::VectorXd>(bias.values.data(), n_rows).cast<float>();
  };
  const auto add = [&](Eigen::Index width) {
    layers_.push_back({Columns(width, fan_in), Eigen::VectorXf(width)});
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

void ModuleScorer::score_block(Eigen::Ref<const Columns> inputs,
                               std::vector<Columns>& outputs) const {
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    if (l == 0)
      outputs[l].noalias() = layers_[l].weight * inputs;
    else
      outputs[l].noalias() = layers_[l].weight * outputs[l - 1];
    outputs[l].colwise() += layers_[l].bias;
    if (l + 1 < layers_.size()) outputs[l] = outputs[l].cwiseMax(0.0f);
  }
}

void ModuleScorer::score(const RowMatrixF& features, RowMatrixF& logits) const {
  REHEARSAL_CHECK(features.cols() == layers_.front().weight.cols());
  std::vector<Columns> outputs;
  for (const Layer& layer : layers_) outputs.emplace_back(layer.bias.size(), kBlock);
  logits.resize(features.rows(), layers_.back().bias.size());
  Columns padded;
  for (Eigen::Index first = 0; first < features.rows(); first += kBlock) {
    const Eigen::Index n = std::min(kBlock, features.rows() - first);
    // A row-major matrix of pages read column-major: a page a column.
    const Eigen::Map<const Columns> pages(features.data() + first * features.cols(),
                                          features.cols(), n);
    if (n == kBlock) {
      score_block(pages, outputs);
    } else {
      padded.setZero(features.cols(), kBlock);
      padded.leftCols(n) = pages;
      score_block(padded, outputs);
    }
    logits.middleRows(first, n) = outputs.back().leftCols(n).transpose();
  }
}

}  // namespace rehearsal
