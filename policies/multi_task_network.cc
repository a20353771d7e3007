#include "policies/multi_task_network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "policies/learning.h"
#include "sim/core/error.h"
#include "sim/core/products.h"

namespace rehearsal {

namespace {

constexpr double kEmbeddingBound = 0.1;
constexpr std::uint16_t kWeightSession = 1;  // keeps weights apart from orders, which have 0

/// The address of a block's initial values: FNV-1a of its name.
Turn address_of(const std::string& name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return Turn{UserId{hash}, kWeightSession};
}

void draw_uniform(Stream stream, double bound, std::span<float> out) {
  for (float& value : out) value = static_cast<float>(bound * (2 * stream.uniform() - 1));
}

RowMatrixF draw_table(const Rng& rng, const std::string& name, std::size_t rows,
                      std::size_t width) {
  RowMatrixF table(rows, width);
  const Turn turn = address_of(name);
  for (std::size_t row = 0; row < rows; ++row)
    draw_uniform(rng.stream(Draw::kTraining, turn, static_cast<std::uint32_t>(row)),
                 kEmbeddingBound, {table.data() + row * width, width});
  return table;
}

Array table_array(const RowMatrixF& table) {
  return {{static_cast<std::size_t>(table.rows()), static_cast<std::size_t>(table.cols())},
          {table.data(), table.data() + table.size()}};
}

RowMatrixF table_of(const Arrays& arrays, const std::string& name, std::size_t rows,
                    std::size_t width) {
  return to_matrix(state_array(arrays, name, {rows, width})).cast<float>();
}

std::vector<std::size_t> shape_of(const ParameterBlock& block) {
  return block.weight ? std::vector<std::size_t>{block.rows, block.columns}
                      : std::vector<std::size_t>{block.columns};
}

/// Copies rows of a table to the columns [column, column + width) of the inputs.
void gather(const RowMatrixF& table, std::span<const std::uint32_t> rows, std::size_t column,
            std::size_t n_inputs, float* inputs) {
  const auto width = static_cast<std::size_t>(table.cols());
  const auto n_rows = static_cast<std::size_t>(table.rows());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    float* to = inputs + i * n_inputs + column;
    if (rows[i] < n_rows)
      std::copy_n(table.data() + rows[i] * width, width, to);
    else
      std::fill_n(to, width, 0.0f);
  }
}

/// Softmax of each row, in place.
void softmax(std::size_t n, std::size_t width, float* rows) {
  for (std::size_t i = 0; i < n; ++i, rows += width) {
    const float top = *std::max_element(rows, rows + width);
    float sum = 0;
    for (std::size_t j = 0; j < width; ++j) sum += rows[j] = std::exp(rows[j] - top);
    for (std::size_t j = 0; j < width; ++j) rows[j] /= sum;
  }
}

}  // namespace

MultiTaskNetwork::MultiTaskNetwork(NetworkShape shape) : shape_(std::move(shape)) {
  REHEARSAL_CHECK(!shape_.hidden.empty() && shape_.n_shared_experts > 0 && shape_.n_levels > 0);
  new_value(shape_.n_inputs());
  std::vector<std::size_t> streams(shape_.tasks.size(), 0);
  add_levels(streams);
  for (std::size_t t = 0; t < streams.size(); ++t)
    streams[t] = add_layers("tower." + shape_.tasks[t], streams[t], shape_.tower);
  for (std::size_t t = 0; t < streams.size(); ++t)
    add_output("logit." + shape_.tasks[t], streams[t], 1, true);
  for (const HeadShape& head : shape_.heads) add_head(head, streams);
}

void MultiTaskNetwork::add_levels(std::vector<std::size_t>& task_streams) {
  std::size_t shared_stream = 0;
  for (std::size_t l = 0; l < shape_.n_levels; ++l) {
    const std::string level = fmt::format("level{}.", l);
    std::vector<std::size_t> all, shared;
    for (std::size_t e = 0; e < shape_.n_shared_experts; ++e)
      shared.push_back(
          add_layers(fmt::format("{}shared{}", level, e), shared_stream, shape_.hidden));
    for (std::size_t t = 0; t < task_streams.size(); ++t) {
      const std::string task = level + shape_.tasks[t];
      std::vector<std::size_t> own;
      for (std::size_t e = 0; e < shape_.n_task_experts; ++e)
        own.push_back(
            add_layers(fmt::format("{}.expert{}", task, e), task_streams[t], shape_.hidden));
      all.insert(all.end(), own.begin(), own.end());
      own.insert(own.end(), shared.begin(), shared.end());
      task_streams[t] = add_gated(task, task_streams[t], own);
    }
    all.insert(all.end(), shared.begin(), shared.end());
    if (l + 1 < shape_.n_levels)
      shared_stream = add_gated(level + "shared", shared_stream, all);
    else
      shared_ = shared.size() == 1 ? shared[0] : add_mix(kNone, shared, false);
  }
}

std::size_t MultiTaskNetwork::new_value(std::size_t width) {
  widths_.push_back(width);
  return widths_.size() - 1;
}

std::size_t MultiTaskNetwork::add_block(ParameterBlock block) {
  block.offset = n_dense_parameters_;
  n_dense_parameters_ += block.rows * block.columns;
  blocks_.push_back(std::move(block));
  return blocks_.back().offset;
}

std::size_t MultiTaskNetwork::add_dense(const std::string& name, std::size_t in, std::size_t width,
                                        bool relu, bool served) {
  const std::size_t fan_in = widths_[in];
  // For ReLU: He et al. (ICCV 2015); else Glorot and Bengio (AISTATS 2010).
  const double bound = std::sqrt(6.0 / static_cast<double>(relu ? fan_in : fan_in + width));
  Step step{
      .kind = Kind::kDense, .out = new_value(width), .in = {in}, .relu = relu, .served = served};
  step.weight = add_block({.name = name + ".weight",
                           .rows = fan_in,
                           .columns = width,
                           .served = served,
                           .bound = bound});
  step.bias = add_block(
      {.name = name + ".bias", .rows = 1, .columns = width, .weight = false, .served = served});
  steps_.push_back(step);
  return step.out;
}

void MultiTaskNetwork::add_output(const std::string& name, std::size_t in, std::size_t width,
                                  bool served) {
  outputs_.push_back(add_dense(name, in, width, false, served));
  output_biases_.push_back(steps_.back().bias);
}

std::span<float> MultiTaskNetwork::bias(NetworkParameters& parameters, std::size_t output) const {
  return {parameters.dense.data() + output_biases_[output], widths_[outputs_[output]]};
}

std::size_t MultiTaskNetwork::add_layers(const std::string& name, std::size_t in,
                                         const std::vector<std::int64_t>& widths) {
  for (std::size_t k = 0; k < widths.size(); ++k)
    in = add_dense(fmt::format("{}.{}", name, k), in, static_cast<std::size_t>(widths[k]), true);
  return in;
}

std::size_t MultiTaskNetwork::add_mix(std::size_t gate, const std::vector<std::size_t>& experts,
                                      bool served) {
  Step step{
      .kind = Kind::kMix, .out = new_value(widths_[experts[0]]), .in = {gate}, .served = served};
  step.in.insert(step.in.end(), experts.begin(), experts.end());
  steps_.push_back(step);
  return step.out;
}

std::size_t MultiTaskNetwork::add_gated(const std::string& name, std::size_t in,
                                        const std::vector<std::size_t>& experts) {
  if (experts.size() == 1) return experts[0];
  return add_mix(add_dense(name + ".gate", in, experts.size(), false), experts, true);
}

void MultiTaskNetwork::add_head(const HeadShape& head, const std::vector<std::size_t>& towers) {
  const std::size_t in = head.place == HeadPlace::kTower    ? towers[head.task]
                         : head.place == HeadPlace::kShared ? shared_
                                                            : outputs_[head.task];
  add_output("head." + head.name, in, head.width, false);
  if (head.place != HeadPlace::kLogit) return;
  // An affine map of the logit starts as the identity.
  ParameterBlock& weight = blocks_[blocks_.size() - 2];
  weight.bound = 0;
  weight.start = 1;
}

std::size_t MultiTaskNetwork::multiply_adds() const {
  std::size_t n = 0;
  for (const Step& step : steps_)
    if (step.served)
      n += step.kind == Kind::kDense ? widths_[step.in[0]] * widths_[step.out]
                                     : (step.in.size() - 1) * widths_[step.out];
  return n;
}

NetworkParameters MultiTaskNetwork::draw(const Rng& rng) const {
  NetworkParameters parameters;
  parameters.dense.resize(n_dense_parameters_);
  for (const ParameterBlock& block : blocks_) {
    const std::span<float> values{parameters.dense.data() + block.offset,
                                  block.rows * block.columns};
    if (block.bound > 0)
      draw_uniform(rng.stream(Draw::kTraining, address_of(block.name)), block.bound, values);
    else
      std::fill(values.begin(), values.end(), block.start);
  }
  parameters.users = draw_table(rng, "user_embedding", shape_.n_users, shape_.user_width);
  parameters.items = draw_table(rng, "item_embedding", shape_.n_items, shape_.item_width);
  return parameters;
}

Arrays MultiTaskNetwork::to_arrays(const NetworkParameters& parameters, bool served_only) const {
  Arrays arrays;
  for (const ParameterBlock& block : blocks_) {
    if (served_only && !block.served) continue;
    const float* first = parameters.dense.data() + block.offset;
    arrays[block.name] = {shape_of(block), {first, first + block.rows * block.columns}};
  }
  arrays["user_embedding"] = table_array(parameters.users);
  arrays["item_embedding"] = table_array(parameters.items);
  return arrays;
}

NetworkParameters MultiTaskNetwork::from_arrays(const Arrays& arrays) const {
  NetworkParameters parameters;
  parameters.dense.resize(n_dense_parameters_);
  for (const ParameterBlock& block : blocks_) {
    if (!block.served && arrays.count(block.name) == 0) continue;
    const Array& array = state_array(arrays, block.name, shape_of(block));
    std::transform(array.values.begin(), array.values.end(),
                   parameters.dense.begin() + static_cast<std::ptrdiff_t>(block.offset),
                   [](double value) { return static_cast<float>(value); });
  }
  parameters.users = table_of(arrays, "user_embedding", shape_.n_users, shape_.user_width);
  parameters.items = table_of(arrays, "item_embedding", shape_.n_items, shape_.item_width);
  return parameters;
}

void MultiTaskNetwork::forward(const NetworkParameters& parameters, const NetworkInput& input,
                               bool served_only, NetworkPass& pass) const {
  const std::size_t n = input.size();
  const std::size_t n_inputs = shape_.n_inputs();
  pass.n = n;
  pass.value.resize(widths_.size());
  for (std::size_t v = 0; v < widths_.size(); ++v) pass.value[v].resize(n * widths_[v]);
  float* inputs = pass.value[0].data();
  gather(parameters.users, input.user, 0, n_inputs, inputs);
  gather(parameters.items, input.item, shape_.user_width, n_inputs, inputs);
  const std::size_t first_dense = shape_.user_width + shape_.item_width;
  for (std::size_t i = 0; i < n; ++i)
    std::copy_n(input.dense.data() + i * shape_.n_dense, shape_.n_dense,
                inputs + i * n_inputs + first_dense);
  for (const Step& step : steps_) {
    if (served_only && !step.served) continue;
    if (step.kind == Kind::kDense)
      dense_forward(step, parameters.dense.data(), pass);
    else
      mix_forward(step, pass);
  }
}

void MultiTaskNetwork::dense_forward(const Step& step, const float* parameters,
                                     NetworkPass& pass) const {
  const std::size_t fan_in = widths_[step.in[0]];
  const std::size_t width = widths_[step.out];
  float* out = pass.value[step.out].data();
  const float* bias = parameters + step.bias;
  multiply({pass.value[step.in[0]].data(), fan_in, 1}, parameters + step.weight, pass.n, fan_in,
           width, false, out);
  // One row at a time, or, where it is of one value, all of them.
  const std::size_t n_runs = width == 1 ? 1 : pass.n;
  const auto run = static_cast<Eigen::Index>(width == 1 ? pass.n : width);
  const Eigen::Map<const Eigen::ArrayXf> shift(bias, static_cast<Eigen::Index>(width));
  for (std::size_t i = 0; i < n_runs; ++i, out += run) {
    Eigen::Map<Eigen::ArrayXf> values(out, run);
    if (width == 1)
      values += bias[0];
    else
      values += shift;
    if (step.relu) values = values.max(0.0f);
  }
}

void MultiTaskNetwork::mix_forward(const Step& step, NetworkPass& pass) const {
  const std::size_t width = widths_[step.out];
  const std::size_t n_experts = step.in.size() - 1;
  std::vector<float>& out = pass.value[step.out];
  std::fill(out.begin(), out.end(), 0.0f);
  const float equal = 1.0f / static_cast<float>(n_experts);
  float* gate = step.in[0] == kNone ? nullptr : pass.value[step.in[0]].data();
  if (gate != nullptr) softmax(pass.n, n_experts, gate);
  for (std::size_t e = 0; e < n_experts; ++e) {
    const float* expert = pass.value[step.in[e + 1]].data();
    for (std::size_t i = 0; i < pass.n; ++i) {
      const float share = gate == nullptr ? equal : gate[i * n_experts + e];
      for (std::size_t j = 0; j < width; ++j) out[i * width + j] += share * expert[i * width + j];
    }
  }
}

std::span<const float> MultiTaskNetwork::output(const NetworkPass& pass, std::size_t index) const {
  return pass.value[outputs_[index]];
}

std::span<const float> MultiTaskNetwork::shared(const NetworkPass& pass) const {
  return pass.value[shared_];
}

void MultiTaskNetwork::start_backward(NetworkPass& pass) const {
  pass.gradient.resize(widths_.size());
  for (std::size_t v = 0; v < widths_.size(); ++v)
    pass.gradient[v].assign(pass.n * widths_[v], 0.0f);
}

std::span<float> MultiTaskNetwork::output_gradient(NetworkPass& pass, std::size_t index) const {
  return pass.gradient[outputs_[index]];
}

std::span<const float> MultiTaskNetwork::backward(const NetworkParameters& parameters,
                                                  NetworkPass& pass,
                                                  std::vector<float>& gradient) const {
  gradient.assign(n_dense_parameters_, 0.0f);
  for (auto step = steps_.rbegin(); step != steps_.rend(); ++step) {
    if (step->kind == Kind::kDense)
      dense_backward(*step, parameters.dense.data(), pass, gradient.data());
    else
      mix_backward(*step, pass);
  }
  return pass.gradient[0];
}

void MultiTaskNetwork::dense_backward(const Step& step, const float* parameters, NetworkPass& pass,
                                      float* gradient) const {
  const std::size_t fan_in = widths_[step.in[0]];
  const std::size_t width = widths_[step.out];
  float* by_out = pass.gradient[step.out].data();
  if (step.relu) {
    const auto n = static_cast<Eigen::Index>(pass.n * width);
    const Eigen::Map<const Eigen::ArrayXf> out(pass.value[step.out].data(), n);
    Eigen::Map<Eigen::ArrayXf> by(by_out, n);
    by = (out > 0.0f).select(by, 0.0f);
  }
  Eigen::Map<Eigen::ArrayXf> by_bias(gradient + step.bias, static_cast<Eigen::Index>(width));
  for (std::size_t i = 0; i < pass.n; ++i)
    by_bias +=
        Eigen::Map<const Eigen::ArrayXf>(by_out + i * width, static_cast<Eigen::Index>(width));
  multiply({pass.value[step.in[0]].data(), 1, fan_in}, by_out, fan_in, pass.n, width, true,
           gradient + step.weight);
  pass.transposed.resize(fan_in * width);
  const float* weight = parameters + step.weight;
  const auto rows = static_cast<Eigen::Index>(fan_in);
  const auto columns = static_cast<Eigen::Index>(width);
  Eigen::Map<RowMatrixF>(pass.transposed.data(), columns, rows) =
      Eigen::Map<const RowMatrixF>(weight, rows, columns).transpose();
  multiply({by_out, width, 1}, pass.transposed.data(), pass.n, width, fan_in, true,
           pass.gradient[step.in[0]].data());
}

void MultiTaskNetwork::mix_backward(const Step& step, NetworkPass& pass) const {
  const std::size_t width = widths_[step.out];
  const std::size_t n_experts = step.in.size() - 1;
  const float* by_out = pass.gradient[step.out].data();
  const bool gated = step.in[0] != kNone;
  const float equal = 1.0f / static_cast<float>(n_experts);
  std::vector<float> by_share(n_experts);
  for (std::size_t i = 0; i < pass.n; ++i, by_out += width) {
    const float* shares = gated ? pass.value[step.in[0]].data() + i * n_experts : nullptr;
    float mean = 0;
    for (std::size_t e = 0; e < n_experts; ++e) {
      const float share = gated ? shares[e] : equal;
      const float* expert = pass.value[step.in[e + 1]].data() + i * width;
      float* by_expert = pass.gradient[step.in[e + 1]].data() + i * width;
      float dot = 0;
      for (std::size_t j = 0; j < width; ++j) {
        by_expert[j] += share * by_out[j];
        dot += by_out[j] * expert[j];
      }
      by_share[e] = dot;
      mean += share * dot;
    }
    if (!gated) continue;
    float* by_gate = pass.gradient[step.in[0]].data() + i * n_experts;
    for (std::size_t e = 0; e < n_experts; ++e) by_gate[e] += shares[e] * (by_share[e] - mean);
  }
}

}  // namespace rehearsal
