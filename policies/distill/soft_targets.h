#pragma once

#include <string>
#include <vector>

#include "policies/distillation.h"

// What methods that match a teacher's outputs row by row share.
namespace rehearsal {

/// "task=head", or "name" for a task and a head of one name.
struct TaskHead {
  std::size_t task = 0;
  std::string head;
};
/// Args: pairs: of the configuration; empty: every task, with the head of its name.
/// Raises: Error(kInput) for an unknown task.
std::vector<TaskHead> read_task_heads(const std::vector<std::string>& pairs,
                                      const PluginConfig& config,
                                      const std::vector<TaskSpec>& tasks);

/// A column of stored labels and the output that learns it.
struct SoftTarget {
  std::size_t output = 0;
  std::size_t column = 0;
  bool regression = false;
  double temperature = 1;
  double weight = 1;
};

/// Of one target, divided by the rows: half the squared error of a regression; else
/// temperature^2 * BCE(sigmoid(t / temperature), sigmoid(s / temperature)) of logits (Hinton et
/// al., 2015). Missing labels count nothing.
double add_soft_loss(const DistillationBatch& batch, const SoftTarget& target);
/// The output's bias at the mean of the labels of a batch.
void start_at_soft_mean(const ImpressionTable& first, std::size_t n_soft, const SoftTarget& target,
                        const MultiTaskNetwork& network, NetworkParameters& parameters);

}  // namespace rehearsal
