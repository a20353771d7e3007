#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/action_weights.h"
#include "analysis/behavior_model.h"
#include "analysis/cross_fit.h"
#include "scenarios/arrays/action_case.h"
#include "scenarios/arrays/kinds.h"

namespace rehearsal {

namespace {

const std::vector<double> kCuts{0.5, 2, 10, std::numeric_limits<double>::infinity()};

void score_with(std::span<const double> estimated_pscore, ActionCase& single, Scores& scores) {
  ActionRounds rounds = single.rounds();
  rounds.pscore = estimated_pscore;
  scores.add(rounds, {{"ipw", "ips"}, {"snipw", "snips"}, {"dr", "dr"}, {"sndr", "sndr"}},
             "_estimated_pscore");
  if (!single.inputs().has("pscore"))
    scores.warn("propensities are estimated: intervals leave out the error of that estimate");
}

void score_estimated_propensities(ActionCase& single, Scores& scores) {
  const CaseInputs& inputs = single.inputs();
  if (inputs.has("estimated_pscore"))
    score_with(inputs.propensities("estimated_pscore", {single.size()}), single, scores);
  else if (!inputs.has("pscore") && !inputs.has("context"))
    scores.warn("no propensities, logged or estimated: only what needs none is scored");
}

/// Propensities of our own where there are none but contexts: cross-fitted on every third round.
void score_own_propensities(ActionCase& single, Scores& scores) {
  constexpr std::size_t kFolds = 3;
  const CaseInputs& inputs = single.inputs();
  if (inputs.has("pscore") || inputs.has("estimated_pscore") || !inputs.has("context")) return;
  if (single.size() < 2 * kFolds) {
    scores.warn("too few rounds to estimate propensities from");
    return;
  }
  inputs.rows("context", 2);
  const std::size_t n_features = inputs.at("context").shape[1];
  const auto rows = static_cast<Eigen::Index>(single.size());
  LoggedChoices all;
  all.inputs =
      Eigen::Map<const RowMatrix>(inputs.numbers("context", {single.size(), n_features}).data(),
                                  rows, static_cast<Eigen::Index>(n_features));
  all.action.assign(single.rounds().action.begin(), single.rounds().action.end());
  for (std::size_t i = 0; i < single.size(); ++i)
    all.fold.push_back(static_cast<std::uint8_t>(i % kFolds));
  const BehaviorModel model({single.n_actions(), n_features, 1, [&](std::size_t) { return all; }},
                            kFolds, 1);
  const std::vector<double> pscore = model.pscores(all);
  score_with(pscore, single, scores);
}

void score_balanced(ActionCase& single, Scores& scores) {
  if (!single.inputs().has("estimated_importance_weights")) return;
  ActionRounds rounds = single.rounds();
  rounds.weight = single.inputs().weights("estimated_importance_weights", {single.size()});
  scores.add(rounds, {{"bipw", "snips"}, {"bipw_clip", "snips_clip", {2}}});
}

/// Doubly robust with the model that is fitted for it (Farajtabar et al., ICML 2018).
void score_mrdr(ActionCase& single, Scores& scores) {
  if (!single.inputs().has("q_hat_mrdr")) return;
  ActionRounds rounds = single.rounds();
  rounds.q_hat = single.table("q_hat_mrdr");
  scores.add(rounds, {{"mrdr", "dr"}});
}

/// A reward model of our own where there are contexts: ridge regressions, cross-fitted.
void score_cross_fitted(ActionCase& single, Scores& scores) {
  constexpr std::size_t kFolds = 3;
  const CaseInputs& inputs = single.inputs();
  const std::vector<Family> families{
      {"dm_ridge", "dm"}, {"dr_ridge", "dr"}, {"sndr_ridge", "sndr"}};
  const bool wanted = std::any_of(families.begin(), families.end(),
                                  [&](const Family& family) { return scores.wants(family.key); });
  if (!inputs.has("context") || !wanted) return;
  if (single.size() < kFolds) {
    scores.warn("too few rounds to fit a reward model to");
    return;
  }
  inputs.rows("context", 2);
  const std::size_t n_features = inputs.at("context").shape[1];
  ActionRounds rounds = single.rounds();
  const ContextRounds known{rounds.n_actions, n_features,
                            inputs.numbers("context", {single.size(), n_features}), rounds.action,
                            rounds.reward};
  const std::vector<double> q_hat = cross_fit(
      known, [] { return make_ridge(); }, kFolds, Rng(0));
  rounds.q_hat = q_hat;
  scores.add(rounds, families);
}

/// Rounds on which a deterministic policy does what was logged (Li et al., WSDM 2011).
void score_replay(ActionCase& single, Scores& scores) {
  ActionRounds rounds = single.rounds();
  const std::span<const double> pi = rounds.action_dist;
  if (!std::all_of(pi.begin(), pi.end(), [](double p) { return p == 0 || p == 1; })) {
    scores.leave_out("replay", "");
    return;
  }
  std::vector<double> match(rounds.size());
  for (std::size_t i = 0; i < match.size(); ++i)
    match[i] = pi[i * rounds.n_actions + rounds.action[i]];
  rounds.weight = match;
  scores.add(rounds, {{"replay", "snips"}});
}

/// The evaluation policy's mass where the logging policy has none.
double unsupported(std::span<const double> pi, std::span<const double> mu) {
  double mass = 0;
  for (std::size_t c = 0; c < pi.size(); ++c)
    if (mu[c] == 0) mass += pi[c];
  return mass;
}

/// What needs the logging policy's probability of every action.
void score_with_logging_policy(ActionCase& single, Scores& scores) {
  const CaseInputs& inputs = single.inputs();
  const ActionRounds& rounds = single.rounds();
  if (!inputs.has("pi_b")) return;
  const std::span<const double> pi_b = single.distribution("pi_b");
  scores.add_unsupported(unsupported(rounds.action_dist, pi_b), single.size());
  if (!rounds.q_hat.empty() && !rounds.pscore.empty()) {
    const std::vector<double> weight = action_weights(rounds);
    for (const double tau : scores.values_of("switch", kCuts))
      scores.add_mean(key_of("switch", tau), switch_terms(weight, rounds.reward, rounds.action_dist,
                                                          pi_b, rounds.q_hat, tau));
  }
  if (!inputs.has_all({"action_cluster", "f_hat"})) return;
  const std::vector<std::uint32_t> cluster =
      inputs.indices("action_cluster", {single.n_actions()}, single.n_actions());
  const std::vector<double> weight =
      cluster_weights(rounds.action_dist, pi_b, rounds.action, cluster);
  for (std::size_t i = 0; i < weight.size(); ++i)
    if (!std::isfinite(weight[i]))
      inputs.refuse("pi_b", fmt::format("gives the cluster of the action of round {} probability "
                                        "0, and yet it was taken",
                                        inputs.round(i)));
  ActionRounds clustered = rounds;
  clustered.weight = weight;
  clustered.q_hat = single.table("f_hat");
  scores.add(clustered, {{"offcem", "dr"}});
}

}  // namespace

void score_bandit(ActionCase& single, Scores& scores) {
  score_single_actions(single, scores);
  score_estimated_propensities(single, scores);
  score_balanced(single, scores);
  score_mrdr(single, scores);
  score_replay(single, scores);
  score_with_logging_policy(single, scores);
}

void score_whole_bandit(ActionCase& single, Scores& scores) {
  score_likelihoods(single, scores);
  score_cross_fitted(single, scores);
  score_own_propensities(single, scores);
}

CaseResult evaluate_contextual_bandit(const ArrayGroup& group, const ArrayOptions& options) {
  ActionCase single(group);
  Scores scores(options);
  score_bandit(single, scores);
  score_whole_bandit(single, scores);
  return scores.take();
}

void score_contextual_bandit_block(const ArrayGroup& block, Scores& scores) {
  ActionCase single(block);
  score_bandit(single, scores);
}

}  // namespace rehearsal
