#pragma once

#include <vector>

#include "policies/examination.h"
#include "policies/segments.h"
#include "sim/policy.h"

namespace rehearsal {

/// What a log says of each module in each segment of requests.
struct ModuleCounts {
  RowMatrix events;           // (n_segments, n_modules) clicks or purchases
  RowMatrix examined;         // (n_segments, n_modules) sum of theta over impressions
  std::vector<double> theta;  // (n_positions) examination by place; 1 where it is left out
};

/// Counts events and examined impressions in one pass: impressions are kept by place, so that the
/// examination estimated from the same pass can weigh them at the end.
class ModuleCounter {
 public:
  /// Args: purchases: count purchases, not clicks.  examination: weigh impressions by theta.
  ModuleCounter(const Schema& schema, Segments segments, bool purchases, bool examination);
  void add(const LogBatch& batch);
  ModuleCounts counts() const;

  const Schema& schema() const { return schema_; }
  bool needs_propensities() const { return examination_; }

 private:
  const Schema& schema_;
  Encoder encoder_;
  Segments segments_;
  ExaminationEstimator estimator_;
  bool purchases_;
  bool examination_;
  std::size_t n_modules_;
  RowMatrix impressions_;  // (n_positions, n_segments * n_modules)
  RowMatrix events_;       // (n_segments, n_modules)
};

/// The counts of the log of a fit.
ModuleCounts count_modules(const FitContext& context, ModuleCounter counter);

}  // namespace rehearsal
