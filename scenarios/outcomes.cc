#include "scenarios/outcomes.h"

#include <fmt/format.h>

#include "policies/neural_outcome.h"
#include "sim/core/error.h"

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

OutcomeOptions parse_outcome(const std::string& text) {
  OutcomeStep step;
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(':', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  step.type = parts[0];
  const bool number =
      parts.size() < 2 || (!parts[1].empty() && parts[1].size() < 4 &&
                           parts[1].find_first_not_of("0123456789") == std::string::npos);
  if (parts.size() > 3 || !number)
    throw Error(ErrorKind::kInput,
                fmt::format("--outcome {}: expected TYPE[:FOLDS[:CALIBRATE]], such as ridge:3:"
                            "isotonic",
                            text));
  outcomes().at(step.type, "--outcome");
  if (parts.size() > 1) step.folds = std::stol(parts[1]);
  if (parts.size() > 2) step.calibrate = parts[2];
  return outcome_options(step);
}

}  // namespace rehearsal
