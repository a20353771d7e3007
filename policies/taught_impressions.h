#pragma once

#include <memory>
#include <vector>

#include "policies/distillation.h"
#include "policies/impression_table.h"
#include "policies/impressions.h"
#include "policies/tasks.h"
#include "sim/policy.h"

namespace rehearsal {

/// What a fit reads: the impressions of its log with their hard labels, the stored labels that
/// methods of distillation learn from, and a sample of another domain where one mixes it in.
class TaughtImpressions {
 public:
  /// Binds the methods to the labels of the context and places their columns and outputs. All
  /// arguments outlive this.
  /// Raises: Error(kInput) for labels, or another domain, that the context has not.
  TaughtImpressions(const FitContext& context, const ItemInputs& inputs,
                    const std::vector<TaskSpec>& tasks,
                    const std::vector<std::unique_ptr<Distillation>>& methods);

  std::size_t n_soft() const { return n_soft_; }
  /// Outputs that the methods add to a network.
  const std::vector<HeadShape>& heads() const { return heads_; }
  /// The log's shards, then those of the other domain. This outlives them.
  ImpressionShards shards() const;

 private:
  ImpressionTable read_own(std::size_t shard) const;
  ImpressionTable read_other(std::size_t shard) const;
  void read_soft(std::size_t shard, ImpressionTable& table) const;

  const FitContext& context_;
  const ItemInputs& inputs_;
  const std::vector<TaskSpec>& tasks_;
  const std::vector<std::unique_ptr<Distillation>>& methods_;
  std::unique_ptr<const ItemInputs> other_inputs_;
  std::vector<std::vector<std::size_t>> columns_;  // of each method's labels
  std::vector<HeadShape> heads_;
  std::size_t n_soft_ = 0;
  double mixed_in_ = 0;
};

}  // namespace rehearsal
