#pragma once

#include <string>
#include <vector>

#include "policies/impressions.h"
#include "policies/multi_task_network.h"

namespace rehearsal {

enum class TaskKind {
  kBinary,      // a logit; cross-entropy
  kRegression,  // a value; half the squared error
  kEsmm,        // p = sigmoid(logit of the task it is given) * sigmoid(own logit); Ma et al. 2018
};

/// What a head of a multi-task network predicts of an item shown.
struct TaskSpec {
  std::string name;
  TaskKind kind = TaskKind::kBinary;
  std::string label;           // a column of responses
  std::string given;           // a column: only rows where it is not 0 are observed; "": all
  bool log1p = false;          // learns log(1 + label)
  double weight = 1;           // of its loss
  std::size_t given_task = 0;  // kEsmm: the task whose logit it multiplies

  bool regression() const { return kind == TaskKind::kRegression; }
};

/// Labels of the items shown, (n_rows, n_tasks): NaN where a task's condition does not hold.
/// Raises: Error(kInput) for a column that is not recorded, a binary label that is no 0 or 1, a
/// label that its transform or a finite number does not allow.
void observe_tasks(const std::vector<TaskSpec>& tasks, const ResponseBatch& responses,
                   const ItemRows& rows, std::vector<float>& labels);

/// The losses of the tasks on a batch, summed over what is observed and divided by the rows; adds
/// their gradients to those of the outputs.
/// Args: labels: (n, n_tasks).  weights: (n_tasks) beside those of the tasks.
double add_task_losses(const std::vector<TaskSpec>& tasks, std::span<const float> labels,
                       std::span<const double> weights, const MultiTaskNetwork& network,
                       NetworkPass& pass);

/// Biases of the outputs at the log odds, or the mean, of a batch's labels.
void start_at_base_rates(const std::vector<TaskSpec>& tasks, std::span<const float> labels,
                         const MultiTaskNetwork& network, NetworkParameters& parameters);

/// What the tasks say, (n, n_tasks): logits (of the product, for ESMM) and values.
void task_outputs(const std::vector<TaskSpec>& tasks, const MultiTaskNetwork& network,
                  const NetworkPass& pass, std::vector<float>& outputs);

}  // namespace rehearsal
