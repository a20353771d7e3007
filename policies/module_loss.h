#pragma once

#include <span>
#include <vector>

#include "sim/trainer.h"

namespace rehearsal {

/// Loss of a module network on a batch, and its gradient, in closed form. With a the click logit
/// (its position logit included) and c the purchase logit of an impression:
///   click: BCE(click, sigmoid(a));
///   purchase (ESMM; Ma et al., SIGIR 2018): + BCE(purchase, sigmoid(a) * sigmoid(c)),
/// computed in log space, each impression times its weight, summed over the batch.
/// Args: logits: (n_pages, n_tasks * n_modules), click first; n_tasks = 2 with `purchase`, else 1.
///       position_logits: (n_positions); empty: no position logit.
///       logit_gradient: resized to the shape of logits; may be null.
///       position_gradient: resized to (n_positions); may be null.
/// Returns: the sum of the losses.
double module_loss(const PageExamples& batch, const RowMatrixF& logits,
                   std::span<const float> position_logits, bool purchase,
                   RowMatrixF* logit_gradient, std::vector<float>* position_gradient);

}  // namespace rehearsal
