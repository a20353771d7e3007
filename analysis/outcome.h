#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/progress.h"
#include "sim/core/rng.h"
#include "sim/log/source.h"
#include "sim/outcome_model.h"

namespace rehearsal {

/// Of pages: position-aware logistic regressions per module on the context. A reward above one a
/// slot counts as one.
std::unique_ptr<OutcomeTrainer> make_logistic_outcome();

/// Ridge regression, pulled to the mean reward. Of pages: per module, on position and context. Of
/// ranked lists: of an item's reward on its position, the request's context, the item's features
/// and, where they are few, their products; a prediction has one value for each
/// (position, candidate).
std::unique_ptr<OutcomeTrainer> make_ridge_outcome();

/// How q_hat of dm, dr and their kin is made.
struct OutcomeOptions {
  std::shared_ptr<const OutcomeTrainer> trainer;  // null: logistic for pages, ridge for lists
  std::int64_t n_folds = 2;                       // of users; at least 2
  std::string calibrate = "none";                 // or "platt", "isotonic": 3 folds at least
};

/// Raises: Error(kInput) for what options cannot be, naming keys of `estimate.outcome`.
void check_outcome_options(const OutcomeOptions& options);

/// One model a metric, cross-fitted: a user's predictions come from a model that did not see the
/// user. A model is calibrated on a fold of its own, which neither taught it nor is predicted by
/// it. What follows a click or a purchase (revenue, dwell) is its probability times the module's
/// mean among successes, where the trainer predicts events.
/// Args: names: of sim/metrics.cc.  rng: whose Draw::kAssignment deals folds.  threads: changes no
///       byte.
/// Raises: Error(kInput) for an unknown metric, a column that the log lacks, a model without
///         rounds to learn from, a family that does not know ranked lists, or Platt scaling of
///         rewards beside 0 and 1.
FoldModels fit_outcome_models(const RoundSource& rounds, const std::vector<std::string>& names,
                              const Rng& rng, const OutcomeOptions& options, int threads,
                              ProgressSink* progress);

}  // namespace rehearsal
