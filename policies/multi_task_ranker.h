#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/log/labels.h"
#include "sim/policy.h"

namespace rehearsal {

/// The policy `multi_task_ranker` beyond Policy: what is judged on logged impressions, and what a
/// teacher needs. Trained on one schema it also serves another (set_state(trained.state()) on a
/// policy made for that schema): declared inputs that the other lacks take their defaults.
class MultiTaskRanker : public Policy {
 public:
  /// Its tasks, in the order of the configuration.
  virtual const std::vector<LabelHead>& tasks() const = 0;
  /// Share of its declared dense inputs that its schema lacks.
  virtual double missing_inputs() const = 0;
  /// Products of a forward pass of one item, exported network: what serving costs.
  virtual std::size_t multiply_adds() const = 0;
  /// State with the distillation heads of the training, which nothing serves: state() is without.
  virtual Arrays training_state() const = 0;

  /// Columns of a shard that predict() and observe() read.
  static Columns columns() { return {true, true, false, true}; }
  /// What the network says of every item shown, places as logged.
  /// Args: outputs: resized to (n_items, n_tasks): logits, and values of regressions in the unit
  ///       that is learnt (log1p of the label, say).
  virtual void predict(const LogBatch& logged, RowMatrixF& outputs) const = 0;
  /// The labels in the same layout; NaN where a task's condition does not hold.
  virtual void observe(const LogBatch& logged, RowMatrixF& labels) const = 0;
  virtual std::size_t hidden_width() const = 0;
  /// Activations of the last layer that all tasks share: (n_items, width of the last hidden).
  virtual void represent(const LogBatch& logged, RowMatrixF& hidden) const = 0;
};

/// Raises: Error(kInput) unless the policy is a multi_task_ranker. Args: name: for the message.
const MultiTaskRanker& as_multi_task_ranker(const Policy& policy, const std::string& name);

/// The batch job of distillation: a frozen teacher's outputs for every item shown, a head a task
/// and, with `hidden`, a regression head "hidden_<j>" an activation of its shared layer.
/// Args: version: of the teacher.  folder: new.
/// Raises: Error(kInput) if the folder holds labels already.
void write_teacher_labels(const MultiTaskRanker& teacher, const std::string& version,
                          const RoundSource& rounds, const std::filesystem::path& folder,
                          bool hidden = false);

}  // namespace rehearsal
