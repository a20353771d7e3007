#pragma once

#include <deque>
#include <span>
#include <string>
#include <vector>

#include "analysis/action_rounds.h"
#include "scenarios/arrays/inputs.h"
#include "scenarios/arrays/scores.h"

namespace rehearsal {

/// A group of single actions of a finite set, checked: action (n), reward (n), action_dist
/// (n, n_actions, n_positions), position (n) where there are several, and, where they are there,
/// pscore (n) and q_hat in the shape of action_dist.
class ActionCase {
 public:
  /// Raises: Error(kInput) naming file, group, dataset and index.
  explicit ActionCase(const ArrayGroup& group);
  ActionCase(const ActionCase&) = delete;
  ActionCase& operator=(const ActionCase&) = delete;

  const CaseInputs& inputs() const { return inputs_; }
  const ActionRounds& rounds() const { return rounds_; }
  std::size_t size() const { return rounds_.size(); }
  std::size_t n_actions() const { return rounds_.n_actions; }

  /// A number for each action, (n, n_actions) at each round's position.
  /// Args: dataset: of action_dist's shape.
  std::span<const double> table(const std::string& dataset);
  /// The same, in [0, 1] and summing to 1 over the actions (1e-6).
  std::span<const double> distribution(const std::string& dataset);

 private:
  std::span<const double> at_positions(std::span<const double> values);

  CaseInputs inputs_;
  CaseInputs::Shape shape_;               // of action_dist
  std::vector<std::uint32_t> position_;   // (n), where there are several
  std::vector<std::uint32_t> action_;     // (n)
  std::deque<std::vector<double>> held_;  // what is not in the group as it is needed
  ActionRounds rounds_;
};

/// What logged propensities and a reward model give: the direct method, importance weights, doubly
/// robust and their bounded forms, with warnings about the weights. Rounds may come in blocks.
void score_single_actions(ActionCase& single, Scores& scores);
/// Empirical likelihood and Cressie-Read, from all rounds at once.
void score_likelihoods(const ActionCase& single, Scores& scores);

/// All that actions of one logger give: the above, with other propensities, weights and models
/// where they are there. Rounds may come in blocks.
void score_bandit(ActionCase& single, Scores& scores);
/// What needs all rounds at once: likelihoods; propensities and reward models of our own where
/// there are contexts.
void score_whole_bandit(ActionCase& single, Scores& scores);

}  // namespace rehearsal
