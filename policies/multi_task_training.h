#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policies/distillation.h"
#include "policies/impression_table.h"
#include "policies/tasks.h"
#include "sim/core/progress.h"

namespace rehearsal {

struct TrainingOptions {
  int epochs = 3;
  double learning_rate = 0.01;  // of Adam at first; falls linearly towards 0
  double embedding_rate = 1;    // times learning_rate, of the embeddings
  double weight_decay = 0;      // decoupled (AdamW), of weights and of the rows touched
};

/// What one step of Adam (Kingma and Ba, ICLR 2015) does to any parameter.
struct AdamStep {
  /// Args: step: of the whole training, from 1.
  AdamStep(double learning_rate, double weight_decay, int step);
  float rate;     // bias-corrected
  float epsilon;  // bias-corrected
  float decay;    // what a decayed parameter keeps
};

/// Adam's moments of parameters that lie one after another.
class Adam {
 public:
  explicit Adam(std::size_t n) : mean_(n, 0.0f), square_(n, 0.0f) {}
  /// Args: first, n: which parameters of all.  gradient, parameters: those n.
  void update(const AdamStep& step, bool decayed, std::size_t first, std::size_t n,
              const float* gradient, float* parameters);

 private:
  std::vector<float> mean_;
  std::vector<float> square_;
};

/// Adam of a table whose rows are seldom touched: a row's moments move when it is (as in
/// torch.optim.SparseAdam), and a step costs what the batch holds.
class TableAdam {
 public:
  TableAdam(std::size_t rows, std::size_t width);
  /// Sums a batch's gradients into their rows, then moves those. Args: rows: (n); one beyond the
  ///       table is skipped.  gradient: of row i at gradient + i * stride.
  void update(const AdamStep& step, std::span<const std::uint32_t> rows, const float* gradient,
              std::size_t stride, RowMatrixF& table);

 private:
  std::size_t width_;
  Adam adam_;
  std::vector<float> sums_;
  std::vector<std::uint8_t> is_touched_;
  std::vector<std::uint32_t> touched_;
};

struct TrainedMultiTask {
  NetworkParameters parameters;
  std::vector<double> loss;  // mean a row, by epoch
};

/// Trains a multi-task network on its tasks and on what `methods` teach it, on one thread: the same
/// bytes for the same rng and examples.
/// Args: methods: bound and placed.  task: for messages and progress.  progress: may be null.
/// Raises: Error(kRuntime) when the loss is no longer finite.
TrainedMultiTask train_multi_task(const MultiTaskNetwork& network,
                                  const std::vector<TaskSpec>& tasks,
                                  const std::vector<std::unique_ptr<Distillation>>& methods,
                                  ImpressionStream& stream, std::size_t n_soft,
                                  const TrainingOptions& options, const Rng& rng,
                                  const std::string& task, ProgressSink* progress);

}  // namespace rehearsal
