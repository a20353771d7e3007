#include "scenarios/outcomes.h"

#include "policies/neural_outcome.h"

namespace rehearsal {

const Registry<OutcomeEntry>& outcomes() {
  static const Registry<OutcomeEntry> registry(
      "reward model",
      {{"auto", "logistic for pages of modules, ridge for ranked lists", "this project",
        [] { return std::unique_ptr<OutcomeTrainer>(); }},
       {"logistic", "a logistic regression per module on context and position; pages only",
        "Chapelle, Manavoglu and Rosales, ACM TIST 2015", make_logistic_outcome},
       {"ridge", "ridge regression of rewards on context and position, per module or on items",
        "Hoerl and Kennard, Technometrics 1970", make_ridge_outcome},
       {"neural", "a network of clicks and purchases over a page's modules; pages, with libtorch",
        "Ma et al., SIGIR 2018 (ESMM)", [] { return make_neural_outcome(); }}});
  return registry;
}

OutcomeOptions outcome_options(const OutcomeStep& step) {
  return {outcomes().at(step.type, "estimate.outcome.type").make(), step.folds, step.calibrate};
}

}  // namespace rehearsal
