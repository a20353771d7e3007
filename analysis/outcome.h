#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/core/progress.h"
#include "sim/core/rng.h"
#include "sim/log/source.h"
#include "sim/outcome_model.h"

namespace rehearsal {

/// q_hat for dm and dr, one model a metric: position-aware logistic regressions per module, fitted
/// on two folds of users (Draw::kAssignment); a user's predictions come from the model that did not
/// see the user. "ctr" and "clicks" predict a click, "ptr" and "purchases" a purchase, "revenue" a
/// purchase times the module's mean price of purchases. A reward above one a slot counts as one.
/// Args: metrics: names.  threads: changes no byte.
/// Raises: Error(kInput) for an unknown metric or a column that the log lacks.
std::vector<std::shared_ptr<const OutcomeModel>> fit_outcome_models(
    const RoundSource& rounds, const std::vector<std::string>& metrics, const Rng& rng, int threads,
    ProgressSink* progress);

/// What a metric sums over the slots of a page, as position rewards.
/// Args: out: (slots). Raises: Error(kInput) for an unknown metric or a missing column.
void position_rewards(const LogBatch& batch, const std::string& metric, std::vector<double>& out);

}  // namespace rehearsal
