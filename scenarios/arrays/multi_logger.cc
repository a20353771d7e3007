#include <algorithm>
#include <limits>

#include "analysis/action_weights.h"
#include "scenarios/arrays/action_case.h"
#include "scenarios/arrays/kinds.h"

namespace rehearsal {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr std::size_t kMostStrata = std::size_t{1} << 16;  // logging policies
const std::vector<double> kClips{5};

std::vector<Family> clipped(const std::string& name) {
  return {{name + "_ipw", "ips"},
          {name + "_ipw_clip", "ips_clip", kClips},
          {name + "_dr", "dr"},
          {name + "_dr_clip", "dr_clip", kClips}};
}

/// A key at no clip and at the clips asked for.
template <class F>
void each_clip(const std::string& key, Scores& scores, F&& score) {
  if (scores.wants(key)) score(key, kInf);
  for (const double clip : scores.values_of(key + "_clip", kClips))
    score(key_of(key + "_clip", clip), clip);
}

/// Weighted by the precision of a round's stratum: the correction alone, as Open Bandit Pipeline
/// has it (in "dr" the direct term counts alike in every stratum), or the whole doubly robust term,
/// as published.
void score_weighted(const ActionRounds& rounds, std::span<const std::uint32_t> stratum,
                    Scores& scores) {
  const std::vector<double> weight = action_weights(rounds);
  std::vector<double> direct, residual(rounds.reward.begin(), rounds.reward.end());
  std::vector<double> terms(weight.size());
  const auto set_terms = [&](double clip) {
    for (std::size_t i = 0; i < terms.size(); ++i)
      terms[i] = std::min(weight[i], clip) * residual[i];
  };
  each_clip("weighted_ipw", scores, [&](const std::string& key, double clip) {
    set_terms(clip);
    scores.add_strata(key, {}, terms, stratum);
  });
  if (rounds.q_hat.empty()) return;
  direct = action_terms(parse_estimator("dm"), rounds);
  for (std::size_t i = 0; i < residual.size(); ++i)
    residual[i] -= rounds.q_hat[i * rounds.n_actions + rounds.action[i]];
  each_clip("weighted_dr", scores, [&](const std::string& key, double clip) {
    set_terms(clip);
    scores.add_strata(key, direct, terms, stratum);
  });
  each_clip("precision_dr", scores, [&](const std::string& key, double clip) {
    set_terms(clip);
    for (std::size_t i = 0; i < terms.size(); ++i) terms[i] += direct[i];
    scores.add_strata(key, {}, terms, stratum);
  });
}

}  // namespace

void score_several_loggers(const ArrayGroup& block, Scores& scores) {
  ActionCase single(block);
  const CaseInputs& inputs = single.inputs();
  const ActionRounds& rounds = single.rounds();
  scores.add(rounds, {{"dm", "dm"}});
  if (inputs.has("pscore"))
    scores.add(rounds, clipped("naive"));
  else
    scores.warn("there are no pscore: naive, weighted and precision estimators are left out");
  if (inputs.has("pscore_avg")) {
    ActionRounds balanced = rounds;
    balanced.pscore = inputs.propensities("pscore_avg", {single.size()});
    scores.add(balanced, clipped("balanced"));
  }
  if (inputs.has_all({"pscore", "stratum_idx"}))
    score_weighted(rounds, inputs.indices("stratum_idx", {single.size()}, kMostStrata), scores);
}

CaseResult evaluate_multi_logger(const ArrayGroup& group, const ArrayOptions& options) {
  Scores scores(options);
  score_several_loggers(group, scores);
  return scores.take();
}

}  // namespace rehearsal
