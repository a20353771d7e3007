#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// Some rounds of single actions, for learning who chose them.
struct LoggedChoices {
  RowMatrix inputs;                   // (rows, n_inputs) known before the choice
  std::vector<std::uint32_t> action;  // (rows) below n_actions
  std::vector<std::uint8_t> fold;     // (rows) below n_folds
};

/// Such rounds in blocks; `read` may be called from any thread, and is for every step of a fit.
struct ChoiceSource {
  std::size_t n_actions = 0;
  std::size_t n_inputs = 0;
  std::size_t n_blocks = 0;
  std::function<LoggedChoices(std::size_t block)> read;
};

/// Propensities of logs that have none: a multinomial logistic regression of the action on what was
/// known before it, cross-fitted (Chernozhukov et al., Econometrics Journal 2018): a round's
/// propensity comes from the model that has not seen its fold. Estimates made with them leave out
/// the error of the model.
class BehaviorModel {
 public:
  /// By L-BFGS, on inputs scaled to mean 0 and variance 1, with a penalty of half the squared
  /// coefficients: an action that was never seen keeps a small probability. Memory does not grow
  /// with the rounds and threads change no byte.
  /// Args: n_folds: at least 2.  threads: 0 for all.
  /// Raises: Error(kInput) for fewer than two rounds outside a fold, and inputs that are not
  /// finite.
  BehaviorModel(const ChoiceSource& rounds, std::size_t n_folds, int threads);

  /// Propensities of the logged actions. Returns: (rows), in (0, 1].
  std::vector<double> pscores(const LoggedChoices& rounds) const;
  /// P(a | x) of every action. Args: rounds: whose folds say which model. Returns: (rows,
  /// n_actions).
  RowMatrix predict(const LoggedChoices& rounds) const;

 private:
  RowMatrix scaled(const RowMatrix& inputs) const;

  Eigen::RowVectorXd mean_, scale_;      // (n_inputs)
  std::vector<RowMatrix> coefficients_;  // [fold] (1 + n_inputs, n_actions), intercepts first
};

}  // namespace rehearsal
