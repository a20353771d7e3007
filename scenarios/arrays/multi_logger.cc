#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/action_weights.h"
#include "scenarios/arrays/action_case.h"
#include "scenarios/arrays/kinds.h"

namespace rehearsal {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
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

/// Precision weights of the terms by stratum, on weights of the correction alone or on the terms.
class Weighted {
 public:
  Weighted(const ActionRounds& rounds, std::vector<std::uint32_t> stratum, Scores& scores)
      : rounds_(rounds), stratum_(std::move(stratum)), scores_(scores) {}

  /// Open Bandit Pipeline's form: in "dr" the direct term counts alike in every stratum.
  void score(const std::string& key, const std::string& entry) {
    each_clip(key, scores_, [&](const std::string& name, double clip) {
      const std::vector<double> terms = terms_of(entry, clip);
      std::vector<double> weight = action_weights(rounds_);
      const std::vector<double> precision = precisions(name, terms);
      for (std::size_t i = 0; i < precision.size(); ++i)
        weight[i] = std::min(weight[i], clip) * precision[i];
      if (precision.empty()) return;
      ActionRounds weighted = rounds_;
      weighted.weight = weight;
      const Estimator estimator = parse_estimator(entry);
      scores_.add(name, estimate_actions(std::span(&estimator, 1), weighted)[0]);
    });
  }

  /// The whole term weighted: precision-weighted doubly robust as published.
  void score_whole(const std::string& key) {
    each_clip(key, scores_, [&](const std::string& name, double clip) {
      std::vector<double> terms = terms_of("dr", clip);
      const std::vector<double> precision = precisions(name, terms);
      for (std::size_t i = 0; i < precision.size(); ++i) terms[i] *= precision[i];
      if (!precision.empty()) scores_.add_mean(name, terms);
    });
  }

 private:
  std::vector<double> terms_of(const std::string& entry, double clip) const {
    return action_terms(estimator_at(estimators().at(entry + "_clip"), clip), rounds_);
  }

  /// Empty, with a warning, where a stratum does not vary.
  std::vector<double> precisions(const std::string& key, std::span<const double> terms) {
    std::vector<double> precision = precision_weights(terms, stratum_);
    for (const double each : precision)
      if (!std::isfinite(each)) {
        scores_.warn(key + " is left out: its terms do not vary in one of the strata");
        return {};
      }
    return precision;
  }

  const ActionRounds& rounds_;
  std::vector<std::uint32_t> stratum_;
  Scores& scores_;
};

}  // namespace

CaseResult evaluate_multi_logger(const ArrayGroup& group, const ArrayOptions& options) {
  ActionCase single(group);
  Scores scores(options);
  const CaseInputs& inputs = single.inputs();
  const ActionRounds& rounds = single.rounds();
  scores.add(rounds, {{"dm", "dm"}});
  if (inputs.has("pscore")) scores.add(rounds, clipped("naive"));
  if (inputs.has("pscore_avg")) {
    ActionRounds balanced = rounds;
    balanced.pscore = inputs.propensities("pscore_avg", {single.size()});
    scores.add(balanced, clipped("balanced"));
  }
  if (inputs.has_all({"pscore", "stratum_idx"})) {
    Weighted weighted(rounds, inputs.indices("stratum_idx", {single.size()}, single.size()),
                      scores);
    weighted.score("weighted_ipw", "ips");
    if (!rounds.q_hat.empty()) {
      weighted.score("weighted_dr", "dr");
      weighted.score_whole("precision_dr");
    }
  }
  return scores.take();
}

}  // namespace rehearsal
