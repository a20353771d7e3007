#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "sim/core/rng.h"

namespace rehearsal {

/// Single actions with what was known before them, borrowed.
struct ContextRounds {
  std::size_t n_actions = 0;
  std::size_t n_features = 0;
  std::span<const double> context;        // (n_rounds, n_features)
  std::span<const std::uint32_t> action;  // (n_rounds) below n_actions
  std::span<const double> reward;         // (n_rounds)

  std::size_t size() const { return reward.size(); }
};

/// A regression of rewards on context and action: any model that can be fitted to some rounds.
class ActionRegression {
 public:
  virtual ~ActionRegression() = default;
  /// Args: rows: of the rounds to learn from.
  virtual void fit(const ContextRounds& rounds, std::span<const std::uint32_t> rows) = 0;
  /// Args: context: (n_features).  q_hat: (n_actions), overwritten.
  virtual void predict(std::span<const double> context, std::span<double> q_hat) const = 0;
};

/// Ridge regression of each action by itself, pulled to the mean of all: an action that was never
/// seen has that mean. Args: penalty: above 0, in rounds.
std::unique_ptr<ActionRegression> make_ridge(double penalty = 1);

/// q_hat of every round and action, by a model that has not seen the round (Chernozhukov et al.,
/// Econometrics Journal 2018): doubly robust estimates stay unbiased whatever the model.
/// Args: make: a fresh model.  n_folds: at least 2.  rng: whose Draw::kAssignment deals folds.
/// Returns: (n_rounds, n_actions). Raises: Error(kInput) for fewer rounds than folds.
std::vector<double> cross_fit(const ContextRounds& rounds,
                              const std::function<std::unique_ptr<ActionRegression>()>& make,
                              std::size_t n_folds, const Rng& rng);

}  // namespace rehearsal
