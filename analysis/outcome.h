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
/// see the user. What follows a click or a purchase (revenue, dwell) is its probability times the
/// module's mean among successes. A reward above one a slot counts as one.
/// Args: names: of sim/metrics.cc.  threads: changes no byte.
/// Raises: Error(kInput) for an unknown metric or a column that the log lacks.
std::vector<std::shared_ptr<const OutcomeModel>> fit_outcome_models(
    const RoundSource& rounds, const std::vector<std::string>& names, const Rng& rng, int threads,
    ProgressSink* progress);

}  // namespace rehearsal
