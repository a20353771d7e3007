#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/log/source.h"
#include "sim/outcome_model.h"

namespace rehearsal {

/// q_hat of ranked lists (worlds of one module), one model a metric: ridge regression of an item's
/// reward on its position, the request's context, the item's features and, where they are few,
/// their products. Fitted on two folds of users (Draw::kAssignment); a user's predictions come from
/// the model that did not see the user. A prediction has one value for each (position, candidate).
/// Args: names: of sim/metrics.cc.  threads: changes no byte.
/// Raises: Error(kInput) for a column that the log lacks.
std::vector<std::shared_ptr<const OutcomeModel>> fit_list_outcome_models(
    const RoundSource& rounds, const std::vector<std::string>& names, const Rng& rng, int threads);

}  // namespace rehearsal
