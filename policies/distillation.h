#pragma once

#include <memory>
#include <string>
#include <vector>

#include "policies/impression_table.h"
#include "policies/multi_task_network.h"
#include "policies/tasks.h"
#include "sim/core/fields.h"
#include "sim/core/registry.h"
#include "sim/log/labels.h"

namespace rehearsal {

/// A batch on its way back: outputs are known, their gradients are being summed.
struct DistillationBatch {
  const MultiTaskNetwork& network;
  NetworkPass& pass;
  const ImpressionTable& rows;
  std::size_t n_soft = 0;  // columns of rows.soft
  double done = 0;         // share of the training's steps
};

/// One way in which a student learns from stored labels of a teacher. Its columns of
/// ImpressionTable::soft are first_column() and those that follow, its outputs of the network
/// first_output() and those that follow.
class Distillation {
 public:
  virtual ~Distillation() = default;

  /// Key of FitContext::labels; empty: it needs none.
  virtual std::string labels() const = 0;
  /// Takes what it reads from the teacher's heads.
  /// Returns: columns of the source, in the order of its own. Raises: Error(kInput) for a head that
  /// is not there.
  virtual std::vector<std::size_t> bind(const LabelSource& source) = 0;
  /// Outputs that it adds to the network; called after bind().
  virtual std::vector<HeadShape> heads() const { return {}; }
  /// Learns from lists: batches hold whole ones.
  virtual bool of_lists() const { return false; }
  /// Share of the other domain's examples that it mixes in.
  virtual double mixed_in() const { return 0; }
  /// Share of the hard loss of a task that stays. Args: done: share of the steps.
  virtual double hard_weight(std::size_t /*task*/, double /*done*/) const { return 1; }
  /// Changes the labels of a shard before anything is learnt from them.
  /// Args: soft: (n, columns of its own).
  virtual void change_labels(const Rng& /*rng*/, std::size_t /*shard*/, std::size_t /*n_columns*/,
                             std::vector<float>& /*soft*/) const {}
  /// Initial biases of its outputs, from the first batch.
  virtual void start(const ImpressionTable& /*first*/, std::size_t /*n_soft*/,
                     const MultiTaskNetwork& /*network*/, NetworkParameters& /*parameters*/) const {
  }
  /// Its loss a row of the batch; adds the gradients to those of the outputs.
  virtual double add_loss(const DistillationBatch& batch) const = 0;

  void place(std::size_t first_column, std::size_t first_output) {
    first_column_ = first_column;
    first_output_ = first_output;
  }

 protected:
  std::size_t first_column() const { return first_column_; }
  std::size_t first_output() const { return first_output_; }

 private:
  std::size_t first_column_ = 0;
  std::size_t first_output_ = 0;
};

/// A line of the table of methods.
struct DistillationEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<FieldDescription> (*describe)() = nullptr;
  std::unique_ptr<Distillation> (*make)(const PluginConfig&,
                                        const std::vector<TaskSpec>& tasks) = nullptr;
};

/// Every method of distillation, one line each.
const Registry<DistillationEntry>& distillations();

/// The methods of a policy's list `distill`, one mapping each: {type: NAME, fields of the method}.
/// Raises: Error(kInput) for an unknown method or key, a bad value.
std::vector<std::unique_ptr<Distillation>> make_distillations(const YAML::Node& list,
                                                              const Source& source,
                                                              const std::vector<TaskSpec>& tasks);

}  // namespace rehearsal
