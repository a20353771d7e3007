#include "policies/multi_task_training.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;

/// One training: where it stands.
class TaskTraining {
 public:
  TaskTraining(const MultiTaskNetwork& network, const std::vector<TaskSpec>& tasks,
               const std::vector<std::unique_ptr<Distillation>>& methods, ImpressionStream& stream,
               std::size_t n_soft, const TrainingOptions& options, const Rng& rng)
      : network_(network),
        tasks_(tasks),
        methods_(methods),
        stream_(stream),
        n_soft_(n_soft),
        options_(options),
        parameters_(network.draw(rng)),
        dense_(parameters_.dense.size()),
        users_(network.shape().n_users, network.shape().user_width),
        items_(network.shape().n_items, network.shape().item_width),
        hard_weights_(tasks.size()) {}

  TrainedMultiTask run(const std::string& task, ProgressSink* progress) {
    std::vector<double> losses;
    ImpressionTable batch;
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      double loss = 0;
      std::size_t n_seen = 0;
      stream_.start(epoch);
      while (stream_.next(batch)) {
        if (step_ == 0) start(batch);
        const double done = (epoch + share(n_seen)) / options_.epochs;
        loss += learn(batch, done) * static_cast<double>(batch.size());
        n_seen += batch.size();
        if (step_ % 64 == 0) {
          check_interrupt();
          if (progress != nullptr) progress->update(task, std::min(done, 0.999), "");
        }
      }
      losses.push_back(loss / static_cast<double>(n_seen));
      if (!std::isfinite(losses.back()))
        throw Error(ErrorKind::kRuntime,
                    fmt::format("{}: the loss is not finite in epoch {}; learning_rate {} is too "
                                "large",
                                task, epoch + 1, options_.learning_rate));
    }
    if (progress != nullptr)
      progress->update(task, 1,
                       fmt::format("{} epochs, loss {:.5f}", losses.size(),
                                   losses.empty() ? 0.0 : losses.back()));
    return {std::move(parameters_), std::move(losses)};
  }

 private:
  double share(std::size_t n_seen) const {
    return static_cast<double>(n_seen) / static_cast<double>(stream_.n_rows());
  }

  void start(const ImpressionTable& first) {
    start_at_base_rates(tasks_, first.labels, network_, parameters_);
    for (const auto& method : methods_) method->start(first, n_soft_, network_, parameters_);
  }

  /// One step. Returns: the batch's loss a row.
  double learn(const ImpressionTable& batch, double done) {
    ++step_;
    network_.forward(parameters_, batch.input(), false, pass_);
    network_.start_backward(pass_);
    for (std::size_t t = 0; t < tasks_.size(); ++t) {
      hard_weights_[t] = 1;
      for (const auto& method : methods_) hard_weights_[t] *= method->hard_weight(t, done);
    }
    double loss = add_task_losses(tasks_, batch.labels, hard_weights_, network_, pass_);
    const DistillationBatch soft{network_, pass_, batch, n_soft_, done};
    for (const auto& method : methods_) loss += method->add_loss(soft);
    const std::span<const float> by_input = network_.backward(parameters_, pass_, gradient_);
    move(batch, by_input, options_.learning_rate * std::max(1 - done, 0.01));
    return loss;
  }

  void move(const ImpressionTable& batch, std::span<const float> by_input, double learning_rate) {
    const AdamStep step(learning_rate, options_.weight_decay, step_);
    const AdamStep of_tables(learning_rate * options_.embedding_rate, options_.weight_decay, step_);
    for (const ParameterBlock& block : network_.blocks())
      dense_.update(step, block.weight, block.offset, block.rows * block.columns,
                    gradient_.data() + block.offset, parameters_.dense.data() + block.offset);
    const std::size_t stride = network_.shape().n_inputs();
    users_.update(of_tables, batch.user, by_input.data(), stride, parameters_.users);
    items_.update(of_tables, batch.item, by_input.data() + network_.shape().user_width, stride,
                  parameters_.items);
  }

  const MultiTaskNetwork& network_;
  const std::vector<TaskSpec>& tasks_;
  const std::vector<std::unique_ptr<Distillation>>& methods_;
  ImpressionStream& stream_;
  std::size_t n_soft_;
  TrainingOptions options_;
  NetworkParameters parameters_;
  Adam dense_;
  TableAdam users_;
  TableAdam items_;
  int step_ = 0;
  NetworkPass pass_;
  std::vector<float> gradient_;
  std::vector<double> hard_weights_;
};

}  // namespace

AdamStep::AdamStep(double learning_rate, double weight_decay, int step)
    : decay(static_cast<float>(1 - learning_rate * weight_decay)) {
  const double correction = std::sqrt(1 - std::pow(kBeta2, step));
  rate = static_cast<float>(learning_rate * correction / (1 - std::pow(kBeta1, step)));
  epsilon = static_cast<float>(kEpsilon * correction);
}

void Adam::update(const AdamStep& step, bool decayed, std::size_t first, std::size_t n,
                  const float* gradient, float* parameters) {
  constexpr auto kKeep1 = static_cast<float>(kBeta1);
  constexpr auto kKeep2 = static_cast<float>(kBeta2);
  constexpr auto kTake1 = static_cast<float>(1 - kBeta1);
  constexpr auto kTake2 = static_cast<float>(1 - kBeta2);
  float* mean = mean_.data() + first;
  float* square = square_.data() + first;
  const float decay = decayed ? step.decay : 1.0f;
  // Not in Eigen: its packets of square roots are approximate, and differ between makers of CPUs.
  for (std::size_t k = 0; k < n; ++k) {
    const float g = gradient[k];
    mean[k] = kKeep1 * mean[k] + kTake1 * g;
    square[k] = kKeep2 * square[k] + kTake2 * g * g;
    parameters[k] =
        decay * parameters[k] - step.rate * mean[k] / (std::sqrt(square[k]) + step.epsilon);
  }
}

TableAdam::TableAdam(std::size_t rows, std::size_t width)
    : width_(width), adam_(rows * width), sums_(rows * width, 0.0f), is_touched_(rows, 0) {}

void TableAdam::update(const AdamStep& step, std::span<const std::uint32_t> rows,
                       const float* gradient, std::size_t stride, RowMatrixF& table) {
  if (width_ == 0) return;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint32_t row = rows[i];
    if (row >= is_touched_.size()) continue;
    if (is_touched_[row] == 0) touched_.push_back(row);
    is_touched_[row] = 1;
    float* sum = sums_.data() + row * width_;
    for (std::size_t j = 0; j < width_; ++j) sum[j] += gradient[i * stride + j];
  }
  for (const std::uint32_t row : touched_) {
    float* sum = sums_.data() + row * width_;
    adam_.update(step, true, row * width_, width_, sum, table.data() + row * width_);
    std::fill_n(sum, width_, 0.0f);
    is_touched_[row] = 0;
  }
  touched_.clear();
}

TrainedMultiTask train_multi_task(const MultiTaskNetwork& network,
                                  const std::vector<TaskSpec>& tasks,
                                  const std::vector<std::unique_ptr<Distillation>>& methods,
                                  ImpressionStream& stream, std::size_t n_soft,
                                  const TrainingOptions& options, const Rng& rng,
                                  const std::string& task, ProgressSink* progress) {
  return TaskTraining(network, tasks, methods, stream, n_soft, options, rng).run(task, progress);
}

}  // namespace rehearsal
