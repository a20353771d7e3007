#pragma once

#include <vector>

#include "analysis/evaluation_sums.h"

namespace rehearsal {

/// Some rounds of whole sessions under one evaluation policy, borrowed.
struct SessionView {
  const RequestBatch& requests;  // as logged
  const LogBatch& batch;         // of decisions
  const LoggedRounds& logged;
  const Offsets& sessions;       // (sessions + 1) into the rounds
  const PolicyWeights& weights;  // page: of sessions; item_position: of pages by themselves
  const std::vector<std::vector<double>>& rewards;  // [metric] (rounds) discounted
};

/// What estimators of sessions read from their models, for the rounds of a view.
class SessionColumns {
 public:
  explicit SessionColumns(const EvaluationPlan& plan) : plan_(plan) {}
  /// Adds the view's moments.
  void learn(const SessionView& view, SessionMoments& moments) const;
  /// Fills the columns. Args: candidate: whose models.
  void fill(const SessionView& view, std::size_t candidate);
  /// The columns of a metric as an estimator of sessions reads them.
  WeightedRounds of(const SessionEstimatorEntry& entry, std::size_t metric,
                    const PolicyWeights& weights, WeightedRounds rounds) const;

  const std::vector<double>& marginal() const { return marginal_; }  // (rounds) weights
  /// [metric] (sessions) V(s_0); empty without models.
  const std::vector<std::vector<double>>& initial_values() const { return initial_; }

 private:
  std::size_t fold(const SessionView& view, std::size_t s) const;
  std::vector<SessionRound> rounds(const SessionFeatures& features, const SessionView& view,
                                   std::size_t s) const;

  const EvaluationPlan& plan_;
  std::vector<double> marginal_;
  // [metric] rewards with the value of what follows, fitted Q of what was shown, V(s_0).
  std::vector<std::vector<double>> targets_, q_hat_, initial_;
};

}  // namespace rehearsal
