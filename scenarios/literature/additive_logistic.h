#pragma once

#include <memory>

#include "analysis/cross_fit.h"

namespace rehearsal {

/// Logistic regression of a reward in [0, 1] on the context and which action it was, without their
/// product: what Open Bandit Pipeline's quickstart fits. By Newton's method.
/// Args: penalty: of squared coefficients / 2, above 0.
std::unique_ptr<ActionRegression> make_additive_logistic(double penalty = 1);

}  // namespace rehearsal
