#include "scenarios/arrays/action_case.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/likelihood.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr double kSumTolerance = 1e-6;

/// In the order of Open Bandit Pipeline's documentation, then what only stands here.
const std::vector<Family>& families() {
  static const std::vector<Family> all{
      {"dm", "dm"},
      {"ipw", "ips"},
      {"ipw_clip", "ips_clip"},
      {"snipw", "snips"},
      {"dr", "dr"},
      {"dr_clip", "dr_clip"},
      {"sndr", "sndr"},
      {"switch_dr", "switch_dr"},
      {"dros", "dros"},
      {"sgipw", "sgips"},
      {"sgdr", "sgdr"},
      {"snipw_clip", "snips_clip"},
      {"switch_ipw", "switch_ips"},
      {"dros_ipw", "dros_ips"},
      {"ix", "ix"},
      {"ix_dr", "ix_dr"},
      {"es", "es"},
      {"es_dr", "es_dr"},
  };
  return all;
}

void score_log_smoothing(const ActionRounds& rounds, Scores& scores) {
  if (std::any_of(rounds.reward.begin(), rounds.reward.end(), [](double r) { return r < 0; }))
    scores.leave_out("ls", "ls is left out: logarithmic smoothing is for rewards of at least 0");
  else
    scores.add(rounds, {{"ls", "ls"}});
}

/// Keys "el", "cressie_read": no bound on weights; "el_5": at most 5.
template <class F>
void score_likelihood(const std::string& key, F&& estimate, const std::vector<double>& weight,
                      const ActionRounds& rounds, Scores& scores) {
  if (scores.wants(key)) scores.add(key, estimate(weight, rounds.reward, WeightRange{}));
  const double largest = *std::max_element(weight.begin(), weight.end());
  for (const double most : scores.values_of(key, {})) {
    if (largest > most)
      throw Error(ErrorKind::kInput, fmt::format("--estimators {}: a weight is {}, above {}",
                                                 key_of(key, most), largest, most));
    scores.add(key_of(key, most), estimate(weight, rounds.reward, WeightRange{0, most}));
  }
}

}  // namespace

ActionCase::ActionCase(const ArrayGroup& group) : inputs_(group) {
  inputs_.rows("action_dist", 3);
  shape_ = inputs_.at("action_dist").shape;
  const std::size_t n = shape_[0];
  rounds_.n_actions = shape_[1];
  action_ = inputs_.indices("action", {n}, shape_[1]);
  if (shape_[2] > 1 || inputs_.has("position"))
    position_ = inputs_.indices("position", {n}, shape_[2]);
  rounds_.action = action_;
  rounds_.reward = inputs_.numbers("reward", {n});
  rounds_.action_dist = distribution("action_dist");
  if (inputs_.has("pscore")) rounds_.pscore = inputs_.propensities("pscore", {n});
  if (inputs_.has("q_hat")) rounds_.q_hat = table("q_hat");
}

std::span<const double> ActionCase::table(const std::string& dataset) {
  return at_positions(inputs_.numbers(dataset, shape_));
}

std::span<const double> ActionCase::distribution(const std::string& dataset) {
  const std::span<const double> values = inputs_.probabilities(dataset, shape_);
  const std::size_t actions = shape_[1], positions = shape_[2];
  for (std::size_t i = 0; i < shape_[0]; ++i)
    for (std::size_t p = 0; p < positions; ++p) {
      double sum = 0;
      for (std::size_t a = 0; a < actions; ++a) sum += values[(i * actions + a) * positions + p];
      if (!(std::abs(sum - 1) <= kSumTolerance))
        inputs_.refuse(dataset, fmt::format("the probabilities [{}, :, {}] sum to {}, expected 1",
                                            inputs_.round(i), p, sum));
    }
  return at_positions(values);
}

std::span<const double> ActionCase::at_positions(std::span<const double> values) {
  const std::size_t actions = shape_[1], positions = shape_[2];
  if (positions == 1) return values;
  std::vector<double>& own = held_.emplace_back(shape_[0] * actions);
  for (std::size_t c = 0; c < own.size(); ++c)
    own[c] = values[c * positions + position_[c / actions]];
  return own;
}

void score_single_actions(ActionCase& single, Scores& scores) {
  const ActionRounds& rounds = single.rounds();
  scores.add(rounds, families());
  if (rounds.pscore.empty()) return;
  score_log_smoothing(rounds, scores);
  scores.weigh(action_weights(rounds), "round");
}

void score_likelihoods(const ActionCase& single, Scores& scores) {
  const ActionRounds& rounds = single.rounds();
  if (rounds.pscore.empty()) return;
  const std::vector<double> weight = action_weights(rounds);
  score_likelihood("el", empirical_likelihood, weight, rounds, scores);
  score_likelihood("cressie_read", cressie_read, weight, rounds, scores);
}

}  // namespace rehearsal
