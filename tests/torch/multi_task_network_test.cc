#include "policies/multi_task_network.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/log.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <fmt/format.h>

#include <map>

#include "policies/tasks.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

NetworkShape shape_of(const std::string& architecture) {
  NetworkShape shape;
  shape.n_users = 30;
  shape.n_items = 50;
  shape.n_dense = 4;
  shape.hidden = {24, 16};
  shape.tower = {8};
  shape.tasks = {"click", "trail", "buy"};
  shape.heads = {{"soft", HeadPlace::kTower, 0, 1}, {"hint", HeadPlace::kShared, 0, 3}};
  if (architecture != "shared_bottom") shape.n_shared_experts = 3;
  if (architecture == "ple") {
    shape.n_task_experts = 2;
    shape.n_levels = 2;
  }
  return shape;
}

/// The same network, written out again in torch.
class TorchNetwork {
 public:
  TorchNetwork(const NetworkShape& shape, const Arrays& arrays) : shape_(shape) {
    for (const auto& [name, array] : arrays) {
      std::vector<std::int64_t> sizes(array.shape.begin(), array.shape.end());
      const std::vector<float> values(array.values.begin(), array.values.end());
      at::Tensor tensor = at::from_blob(const_cast<float*>(values.data()), sizes).clone();
      tensors_[name] = tensor.set_requires_grad(true);
    }
  }

  /// Outputs of tasks, then of heads.
  std::vector<at::Tensor> forward(const at::Tensor& user, const at::Tensor& item,
                                  const at::Tensor& dense) const {
    const at::Tensor x = at::cat({at::embedding(tensors_.at("user_embedding"), user),
                                  at::embedding(tensors_.at("item_embedding"), item), dense},
                                 1);
    std::vector<at::Tensor> streams(shape_.tasks.size(), x);
    at::Tensor shared_stream = x;
    at::Tensor shared_layer;
    for (std::size_t l = 0; l < shape_.n_levels; ++l) {
      const std::string level = fmt::format("level{}.", l);
      std::vector<at::Tensor> all, shared;
      for (std::size_t e = 0; e < shape_.n_shared_experts; ++e)
        shared.push_back(layers(fmt::format("{}shared{}", level, e), shared_stream, 2));
      for (std::size_t t = 0; t < streams.size(); ++t) {
        std::vector<at::Tensor> own;
        const std::string task = level + shape_.tasks[t];
        for (std::size_t e = 0; e < shape_.n_task_experts; ++e)
          own.push_back(layers(fmt::format("{}.expert{}", task, e), streams[t], 2));
        all.insert(all.end(), own.begin(), own.end());
        own.insert(own.end(), shared.begin(), shared.end());
        streams[t] = mix(task, streams[t], own);
      }
      all.insert(all.end(), shared.begin(), shared.end());
      if (l + 1 < shape_.n_levels) shared_stream = mix(level + "shared", shared_stream, all);
      shared_layer = shared[0];
      for (std::size_t e = 1; e < shared.size(); ++e) shared_layer = shared_layer + shared[e];
      shared_layer = shared_layer / static_cast<double>(shared.size());
    }
    std::vector<at::Tensor> outputs;
    at::Tensor click_tower;
    for (std::size_t t = 0; t < streams.size(); ++t) {
      const at::Tensor tower = layers("tower." + shape_.tasks[t], streams[t], 1);
      if (t == 0) click_tower = tower;
      outputs.push_back(linear("logit." + shape_.tasks[t], tower));
    }
    outputs.push_back(linear("head.soft", click_tower));
    outputs.push_back(linear("head.hint", shared_layer));
    return outputs;
  }

  const at::Tensor& parameter(const std::string& name) const { return tensors_.at(name); }

 private:
  at::Tensor linear(const std::string& name, const at::Tensor& in) const {
    return at::matmul(in, tensors_.at(name + ".weight")) + tensors_.at(name + ".bias");
  }
  at::Tensor layers(const std::string& name, at::Tensor in, int n) const {
    for (int k = 0; k < n; ++k) in = at::relu(linear(fmt::format("{}.{}", name, k), in));
    return in;
  }
  at::Tensor mix(const std::string& name, const at::Tensor& in,
                 const std::vector<at::Tensor>& experts) const {
    if (experts.size() == 1) return experts[0];
    const at::Tensor gate = at::softmax(linear(name + ".gate", in), 1);
    at::Tensor sum;
    for (std::size_t e = 0; e < experts.size(); ++e) {
      const auto first = static_cast<std::int64_t>(e);
      const at::Tensor part = gate.slice(1, first, first + 1) * experts[e];
      sum = e == 0 ? part : sum + part;
    }
    return sum;
  }

  NetworkShape shape_;
  std::map<std::string, at::Tensor> tensors_;
};

struct Rows {
  static constexpr std::size_t kRows = 200;
  std::vector<std::uint32_t> user, item;
  std::vector<std::int64_t> user64, item64;
  std::vector<float> dense, labels;
  Rows() {
    Stream stream = Rng(4).stream(Draw::kRequest, Turn{});
    for (std::size_t i = 0; i < kRows; ++i) {
      user.push_back(stream() % 30);
      item.push_back(stream() % 50);
      for (int j = 0; j < 4; ++j) dense.push_back(static_cast<float>(2 * stream.uniform() - 1));
      const bool click = stream.uniform() < 0.4;
      labels.push_back(click ? 1.0f : 0.0f);
      labels.push_back(static_cast<float>(3 * stream.uniform()));
      labels.push_back(click && stream.uniform() < 0.5 ? 1.0f : 0.0f);
    }
    user64.assign(user.begin(), user.end());
    item64.assign(item.begin(), item.end());
  }
};

at::Tensor ids(const std::vector<std::int64_t>& values) {
  return at::from_blob(const_cast<std::int64_t*>(values.data()),
                       {static_cast<std::int64_t>(values.size())}, at::kLong)
      .clone();
}

double largest_difference(const at::Tensor& tensor, const float* values) {
  const at::Tensor flat = tensor.detach().contiguous();
  double worst = 0;
  for (std::int64_t k = 0; k < flat.numel(); ++k)
    worst = std::max(worst, std::abs(static_cast<double>(flat.data_ptr<float>()[k]) - values[k]));
  return worst;
}

}  // namespace

TEST_CASE("multi-task networks and their gradients agree with torch to 1e-5") {
  for (const std::string architecture : {"shared_bottom", "mmoe", "ple"}) {
    INFO(architecture);
    const MultiTaskNetwork network(shape_of(architecture));
    const NetworkParameters parameters = network.draw(Rng(5));
    const TorchNetwork torch(shape_of(architecture), network.to_arrays(parameters, false));
    const Rows rows;
    NetworkPass pass;
    network.forward(parameters, {rows.user, rows.item, rows.dense}, false, pass);
    const std::vector<at::Tensor> outputs =
        torch.forward(ids(rows.user64), ids(rows.item64),
                      at::from_blob(const_cast<float*>(rows.dense.data()), {200, 4}));
    for (std::size_t o = 0; o < outputs.size(); ++o)
      CHECK(largest_difference(outputs[o], network.output(pass, o).data()) < 1e-5);

    const std::vector<TaskSpec> tasks{
        {.name = "click", .label = "item_click", .given = ""},
        {.name = "trail", .kind = TaskKind::kRegression, .label = "dwell", .given = ""},
        {.name = "buy", .kind = TaskKind::kEsmm, .label = "item_purchase", .given = ""}};
    const std::vector<double> weights(3, 1.0);
    network.start_backward(pass);
    const double loss = add_task_losses(tasks, rows.labels, weights, network, pass);
    std::vector<float> gradient;
    const std::span<const float> by_input = network.backward(parameters, pass, gradient);

    const at::Tensor labels = at::from_blob(const_cast<float*>(rows.labels.data()), {200, 3});
    const auto column = [&](std::int64_t k) { return labels.slice(1, k, k + 1); };
    const auto bce = [](const at::Tensor& p, const at::Tensor& y) {
      return -(y * at::log(p) + (1 - y) * at::log(1 - p)).sum() / 200;
    };
    const at::Tensor click = at::sigmoid(outputs[0]);
    const at::Tensor error = outputs[1] - column(1);
    const at::Tensor total = bce(click, column(0)) + (error * error).sum() / 400 +
                             bce(click * at::sigmoid(outputs[2]), column(2));
    CHECK(loss == Approx(total.item<double>()).epsilon(1e-5));
    total.backward();
    for (const ParameterBlock& block : network.blocks())
      if (block.served)
        CHECK(largest_difference(torch.parameter(block.name).grad(),
                                 gradient.data() + block.offset) < 1e-5);
    RowMatrixF users = RowMatrixF::Zero(30, 6);
    for (std::size_t i = 0; i < Rows::kRows; ++i)
      for (Eigen::Index j = 0; j < 6; ++j)
        users(rows.user[i], j) += by_input[i * 16 + static_cast<std::size_t>(j)];
    CHECK(largest_difference(torch.parameter("user_embedding").grad(), users.data()) < 1e-5);
  }
}
