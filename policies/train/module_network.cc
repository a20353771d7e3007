#include <ATen/Parallel.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/relu.h>
#include <fmt/format.h>
#include <torch/optim/adamw.h>

#include <numeric>

#include "policies/module_loss.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// torch's errors as ours; torch on one thread, so that sums have one order.
template <class Body>
auto with_torch(const std::string& task, Body&& body) {
  try {
    at::set_num_threads(1);
    return body();
  } catch (const c10::Error& error) {
    throw Error(ErrorKind::kRuntime, task + ": libtorch: " + error.what_without_backtrace());
  }
}

at::Tensor to_tensor(const std::vector<float>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape).clone();
}

/// A batch's features, without a copy: the matrix must outlive the tensor.
at::Tensor view(const RowMatrixF& matrix) {
  return at::from_blob(const_cast<float*>(matrix.data()), {matrix.rows(), matrix.cols()});
}

std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }

Array export_rows(const at::Tensor& tensor, std::int64_t first, std::int64_t n_rows) {
  const at::Tensor rows = tensor.detach().slice(0, first, first + n_rows).contiguous();
  Array array;
  for (const std::int64_t n : rows.sizes()) array.shape.push_back(as_size(n));
  array.values.assign(rows.data_ptr<float>(), rows.data_ptr<float>() + rows.numel());
  return array;
}

/// The network's parameters. The heads of all tasks are one matrix, click first.
struct Network {
  std::vector<at::Tensor> weights;  // trunk layers, then heads: (width, fan_in)
  std::vector<at::Tensor> biases;
  std::vector<float> position;  // (n_positions)

  at::Tensor logits(const at::Tensor& features) const {
    at::Tensor x = features;
    for (std::size_t l = 0; l + 1 < weights.size(); ++l)
      x = at::relu(at::linear(x, weights[l], biases[l]));
    return at::linear(x, weights.back(), biases.back());
  }
};

/// Uniform with the given bound, one stream a layer.
at::Tensor draw_weight(std::int64_t width, std::int64_t fan_in, double bound, Stream stream) {
  std::vector<float> values(as_size(width * fan_in));
  for (float& value : values) value = static_cast<float>(bound * (2 * stream.uniform() - 1));
  return to_tensor(values, {width, fan_in});
}

/// Trunk: He et al. (ICCV 2015), for ReLU. Heads: Glorot and Bengio (AISTATS 2010), a tenth of it,
/// because the logits of modules differ by tenths only and what is drawn must be unlearnt.
Network draw_network(const ModuleNetworkSpec& spec, const Rng& rng) {
  Network network;
  std::int64_t fan_in = spec.n_inputs;
  const auto add = [&](std::int64_t width, double bound) {
    const auto layer = static_cast<std::uint32_t>(network.weights.size());
    network.weights.push_back(
        draw_weight(width, fan_in, bound, rng.stream(Draw::kTraining, Turn{}, layer)));
    network.biases.push_back(to_tensor(std::vector<float>(as_size(width), 0.0f), {width}));
    fan_in = width;
  };
  for (const std::int64_t width : spec.hidden)
    add(width, std::sqrt(6.0 / static_cast<double>(fan_in)));
  add(spec.n_modules * (spec.purchase ? 2 : 1),
      0.1 * std::sqrt(6.0 / static_cast<double>(fan_in + spec.n_modules)));
  network.position.assign(as_size(spec.n_positions), 0.0f);
  return network;
}

double total_weight(const PageExamples& batch) {
  return std::accumulate(batch.weight.begin(), batch.weight.end(), 0.0);
}

/// Starts the heads' biases at the log odds of the first batch, so that training does not begin by
/// unlearning 1/2.
void start_at_base_rates(const ModuleNetworkSpec& spec, const PageExamples& batch, Network& net) {
  double clicks = 0;
  double purchases = 0;
  for (std::size_t i = 0; i < batch.page.size(); ++i) {
    clicks += static_cast<double>(batch.weight[i]) * batch.click[i];
    purchases += static_cast<double>(batch.weight[i]) * std::min(batch.click[i], batch.purchase[i]);
  }
  const auto log_odds = [](double hits, double n) { return std::log((hits + 1) / (n - hits + 1)); };
  float* bias = net.biases.back().data_ptr<float>();
  for (std::int64_t m = 0; m < spec.n_modules; ++m) {
    bias[m] = static_cast<float>(log_odds(clicks, total_weight(batch)));
    if (spec.purchase) bias[spec.n_modules + m] = static_cast<float>(log_odds(purchases, clicks));
  }
}

Arrays export_weights(const ModuleNetworkSpec& spec, const Network& net) {
  Arrays arrays;
  const std::size_t n_trunk = spec.hidden.size();
  for (std::size_t l = 0; l < n_trunk; ++l) {
    const std::string layer = fmt::format("trunk.{}.", l);
    arrays[layer + "weight"] = export_rows(net.weights[l], 0, spec.hidden[l]);
    arrays[layer + "bias"] = export_rows(net.biases[l], 0, spec.hidden[l]);
  }
  const auto head = [&](const std::string& task, std::int64_t first) {
    arrays[task + ".weight"] = export_rows(net.weights[n_trunk], first, spec.n_modules);
    arrays[task + ".bias"] = export_rows(net.biases[n_trunk], first, spec.n_modules);
  };
  head("click", 0);
  if (spec.purchase) head("purchase", spec.n_modules);
  if (spec.n_positions > 0)
    arrays["position"] = {{as_size(spec.n_positions)}, {net.position.begin(), net.position.end()}};
  return arrays;
}

at::Tensor import_array(const Arrays& arrays, const std::string& name) {
  const auto found = arrays.find(name);
  if (found == arrays.end())
    throw Error(ErrorKind::kInput, "network weights: no array '" + name + "'");
  std::vector<std::int64_t> shape;
  for (const std::size_t n : found->second.shape) shape.push_back(static_cast<std::int64_t>(n));
  const std::vector<double>& values = found->second.values;
  std::vector<float> floats(values.size());
  std::transform(values.begin(), values.end(), floats.begin(),
                 [](double value) { return static_cast<float>(value); });
  return to_tensor(floats, shape);
}

/// One training: the network, its optimiser and where it stands.
class Training {
 public:
  Training(const ModuleNetworkSpec& spec, ExampleSource& examples, const Rng& rng, std::string task,
           ProgressSink* progress)
      : spec_(spec),
        examples_(examples),
        task_(std::move(task)),
        progress_(progress),
        network_(draw_network(spec, rng)) {
    position_ = at::from_blob(network_.position.data(), {spec.n_positions});
    // What shifts logits is not decayed: base rates are not small.
    std::vector<at::Tensor> shifts = network_.biases;
    if (spec.n_positions > 0) shifts.push_back(position_);
    for (at::Tensor& tensor : network_.weights) tensor.set_requires_grad(true);
    for (at::Tensor& tensor : shifts) tensor.set_requires_grad(true);
    const torch::optim::AdamWOptions options(spec.learning_rate);
    auto decayed = std::make_unique<torch::optim::AdamWOptions>(options);
    decayed->weight_decay(spec.weight_decay);
    auto plain = std::make_unique<torch::optim::AdamWOptions>(options);
    plain->weight_decay(0);
    optimizer_ = std::make_unique<torch::optim::AdamW>(
        std::vector<torch::optim::OptimizerParamGroup>{{network_.weights, std::move(decayed)},
                                                       {shifts, std::move(plain)}},
        options);
  }

  TrainedNetwork run() {
    TrainedNetwork result;
    double best = std::numeric_limits<double>::infinity();
    for (int epoch = 0; epoch < spec_.max_epochs; ++epoch) {
      train_epoch(epoch);
      const double loss = validation_loss();
      if (!std::isfinite(loss)) diverged(epoch);
      result.validation_loss.push_back(loss);
      note_ =
          fmt::format("epoch {} of {}, validation loss {:.5f}", epoch + 1, spec_.max_epochs, loss);
      if (loss < best) {
        best = loss;
        result.best_epoch = epoch;
        result.weights = export_weights(spec_, network_);
      }
      report(epoch + 1);
      if (epoch - result.best_epoch >= spec_.patience) break;
    }
    if (progress_ != nullptr) progress_->update(task_, 1, note_);
    return result;
  }

 private:
  void train_epoch(int epoch) {
    PageExamples batch;
    std::size_t n_pages = 0;
    examples_.start_training(epoch);
    while (examples_.next(batch)) {
      if (epoch == 0 && n_pages == 0) start_at_base_rates(spec_, batch, network_);
      const double done =
          epoch + static_cast<double>(n_pages) / static_cast<double>(examples_.n_train_pages());
      step(batch, spec_.learning_rate * std::max(1 - done / spec_.max_epochs, 0.01), epoch);
      n_pages += as_size(batch.features.rows());
      report(done);
    }
    if (n_pages == 0) throw Error(ErrorKind::kInput, task_ + ": the log has no pages to train on");
  }

  void step(const PageExamples& batch, double learning_rate, int epoch) {
    at::Tensor logits = network_.logits(view(batch.features));
    const double loss = module_loss(batch, as_matrix(logits), network_.position, spec_.purchase,
                                    &gradient_, &position_gradient_);
    if (!std::isfinite(loss)) diverged(epoch);
    const auto scale = static_cast<float>(1 / std::max(total_weight(batch), 1e-12));
    gradient_ *= scale;
    optimizer_->zero_grad();
    logits.backward(view(gradient_));
    if (spec_.n_positions > 0)
      position_.mutable_grad() = to_tensor(position_gradient_, {spec_.n_positions}).mul_(scale);
    for (torch::optim::OptimizerParamGroup& group : optimizer_->param_groups())
      static_cast<torch::optim::AdamWOptions&>(group.options()).lr(learning_rate);
    optimizer_->step();
  }

  double validation_loss() {
    PageExamples batch;
    double sum = 0;
    double n = 0;
    examples_.start_validation();
    while (examples_.next(batch)) {
      const at::Tensor logits = network_.logits(view(batch.features)).detach();
      sum += module_loss(batch, as_matrix(logits), network_.position, spec_.purchase, nullptr,
                         nullptr);
      n += total_weight(batch);
    }
    if (n == 0) throw Error(ErrorKind::kInput, task_ + ": no impressions to validate on");
    return sum / n;
  }

  RowMatrixF as_matrix(const at::Tensor& tensor) const {
    return Eigen::Map<const RowMatrixF>(tensor.data_ptr<float>(), tensor.size(0), tensor.size(1));
  }

  void report(double epochs_done) const {
    if (progress_ != nullptr)
      progress_->update(task_, std::min(epochs_done / spec_.max_epochs, 0.999), note_);
  }

  [[noreturn]] void diverged(int epoch) const {
    throw Error(ErrorKind::kRuntime,
                fmt::format("{}: the loss is not finite in epoch {}; learning_rate {} is too large",
                            task_, epoch + 1, spec_.learning_rate));
  }

  const ModuleNetworkSpec& spec_;
  ExampleSource& examples_;
  std::string task_;
  ProgressSink* progress_;
  Network network_;
  at::Tensor position_;  // a view of network_.position
  std::unique_ptr<torch::optim::AdamW> optimizer_;
  RowMatrixF gradient_;
  std::vector<float> position_gradient_;
  std::string note_;
};

class TorchTrainer : public Trainer {
 public:
  TrainedNetwork train_module_network(const ModuleNetworkSpec& spec, ExampleSource& examples,
                                      const Rng& rng, const std::string& task,
                                      ProgressSink* progress) override {
    return with_torch(task, [&] { return Training(spec, examples, rng, task, progress).run(); });
  }

  RowMatrixF score(const ModuleNetworkSpec& spec, const Arrays& weights,
                   const RowMatrixF& features) override {
    return with_torch("score", [&] {
      Network network;
      const auto add = [&](const std::string& layer) {
        network.weights.push_back(import_array(weights, layer + ".weight"));
        network.biases.push_back(import_array(weights, layer + ".bias"));
      };
      for (std::size_t l = 0; l < spec.hidden.size(); ++l) add(fmt::format("trunk.{}", l));
      add("click");
      RowMatrixF out(features.rows(), spec.n_modules * (spec.purchase ? 2 : 1));
      const auto fill = [&](Eigen::Index first) {
        const at::Tensor logits = network.logits(view(features));
        out.middleCols(first, spec.n_modules) =
            Eigen::Map<const RowMatrixF>(logits.data_ptr<float>(), features.rows(), spec.n_modules);
      };
      fill(0);
      if (spec.purchase) {
        network.weights.back() = import_array(weights, "purchase.weight");
        network.biases.back() = import_array(weights, "purchase.bias");
        fill(spec.n_modules);
      }
      return out;
    });
  }
};

}  // namespace

}  // namespace rehearsal

/// What load_trainer() looks for.
extern "C" rehearsal::Trainer* rehearsal_trainer() {
  static rehearsal::TorchTrainer trainer;
  return &trainer;
}
