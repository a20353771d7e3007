#pragma once

#include <memory>

#include "sim/outcome_model.h"
#include "sim/trainer.h"

namespace rehearsal {

/// A network over the modules of a page (sim/trainer.h: trunk of 64 and 32 units, additive position
/// logits), one a fold; with purchases ESMM (Ma et al., SIGIR 2018): P(purchase) = P(click)
/// P(purchase | click). Trained like pointwise_orderer by its defaults, scored without libtorch.
/// Args: trainer: null for load_trainer() when a fit needs it.
/// Raises: its fit Error(kRuntime) where networks cannot be trained.
std::unique_ptr<OutcomeTrainer> make_neural_outcome(Trainer* trainer = nullptr);

}  // namespace rehearsal
