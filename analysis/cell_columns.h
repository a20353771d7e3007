#pragma once

#include <vector>

#include "analysis/evaluation_sums.h"

namespace rehearsal {

/// Pages cell by cell, as estimators of cells read them (C.5): every page has plan.n_rows rows of
/// plan.row_length items. A place that a page lacks has no reward; where a row ends before it, it
/// weighs what the whole row weighs, and where there is no row, 1: so that every place's weights
/// have mean 1 whatever the lengths of the rows that a policy prefers. A list is a page of one row.
class CellColumns {
 public:
  explicit CellColumns(const EvaluationPlan& plan);

  /// The rounds to come, which must stay where they are while they are weighed.
  /// Args: batch: as logged, lists too.
  /// Raises: Error(kInput) where outcomes or propensities of items are not recorded.
  void start(const LogBatch& batch, const LoggedRounds& logged);
  /// One candidate's weights. Args: weights: of policy_weights, with needs.cells; of lists
  /// those of slate_weights.
  void weigh(const Policy& policy, const PolicyWeights& weights);
  /// A metric under the weights of plan.cell_rules[rule].
  WeightedRounds of(std::size_t rule, std::size_t metric) const;
  /// Args: stats: of the candidate.
  void add_stats(WeightStats* stats) const;
  /// The candidate's mass where the behavior never shows the module or the item; not of lists.
  /// Args: gap: (n_cells) of the candidate.
  void add_gap(const Policy& policy, const PolicyWeights& weights, double* gap) const;

 private:
  bool list() const { return plan_.decision == Decision::kItems; }
  void check(const LogBatch& batch) const;
  void fill_rewards();
  void find_support();
  std::vector<double> unsupported_mass(const Policy& policy) const;

  const EvaluationPlan& plan_;
  const LogBatch* batch_ = nullptr;
  const LoggedRounds* logged_ = nullptr;
  Offsets page_offsets_;                       // (n_rounds + 1) of filled-up pages
  Offsets row_offsets_;                        // (n_rows + 1) of one of them
  std::vector<std::vector<double>> rewards_;   // [metric] (n_rounds, n_cells)
  std::vector<std::vector<double>> weights_;   // [rule] (n_rounds, n_cells)
  std::vector<std::vector<bool>> item_shown_;  // [eligible module] (positions, candidates), where
                                               // item orders differ: the behavior may show it so
};

}  // namespace rehearsal
