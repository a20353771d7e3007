#include "analysis/action_weights.h"
#include "scenarios/arrays/inputs.h"
#include "scenarios/arrays/kinds.h"
#include "scenarios/arrays/scores.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

const std::vector<double> kBandwidths{0.5, 2};

struct ContinuousRounds {
  std::span<const double> chosen, action, density;
  ActionRounds columns;
};

/// Args: estimate: "ipw", "snipw" or "dr".  entry: its name in the table of estimators.
void score_kernel(const ContinuousRounds& rounds, const SmoothingKernel& kernel,
                  const std::string& estimate, const std::string& entry, Scores& scores) {
  const std::string family = "kernel_" + estimate + "_" + kernel.name;
  for (const double bandwidth : scores.values_of(family, kBandwidths, "_h")) {
    if (!(bandwidth > 0))
      throw Error(ErrorKind::kInput,
                  "--estimators " + key_of(family, bandwidth, "_h") + ": bandwidths are above 0");
    const std::vector<double> weight =
        kernel_weights(kernel, bandwidth, rounds.chosen, rounds.action, rounds.density);
    ActionRounds columns = rounds.columns;
    columns.weight = weight;
    scores.add(columns, {{key_of(family, bandwidth, "_h"), entry}});
  }
}

}  // namespace

void score_continuous_actions(const ArrayGroup& block, Scores& scores) {
  const CaseInputs inputs(block);
  const std::size_t n = inputs.rows("reward", 1);
  ContinuousRounds rounds;
  rounds.chosen = inputs.numbers("action_by_evaluation_policy", {n});
  rounds.action = inputs.numbers("action", {n});
  rounds.columns.reward = inputs.numbers("reward", {n});
  if (!inputs.has("pscore")) {
    scores.warn("no densities of the logged actions (pscore): nothing is scored");
    return;
  }
  rounds.density = inputs.densities("pscore", {n});
  const bool model = inputs.has("q_hat_at_evaluation_action");
  if (model) {
    const std::span<const double> q_hat = inputs.numbers("q_hat_at_evaluation_action", {n});
    rounds.columns.direct = rounds.columns.shown_q_hat = q_hat;
    scores.add(rounds.columns, {{"dm", "dm"}});
  }
  for (const SmoothingKernel& kernel : smoothing_kernels().entries()) {
    score_kernel(rounds, kernel, "ipw", "ips", scores);
    score_kernel(rounds, kernel, "snipw", "snips", scores);
    if (model) score_kernel(rounds, kernel, "dr", "dr", scores);
  }
}

CaseResult evaluate_continuous_action(const ArrayGroup& group, const ArrayOptions& options) {
  Scores scores(options);
  score_continuous_actions(group, scores);
  return scores.take();
}

}  // namespace rehearsal
