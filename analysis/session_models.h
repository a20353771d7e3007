#pragma once

#include <span>
#include <vector>

#include "sim/batch.h"
#include "sim/decision.h"
#include "sim/encoder.h"
#include "sim/outcome_model.h"

namespace rehearsal {

/// What linear models of a session's pages read: of the state a constant and the encoded context;
/// of the page, beside these, which module stood at which slot (which modules, where those are
/// many) or the features of a list's items, summed.
class SessionFeatures {
 public:
  SessionFeatures(const Schema& schema, Decision decision);
  Eigen::Index n_state() const { return n_state_; }
  Eigen::Index size() const { return size_; }
  /// Args: requests: as logged.  out: (n_state).
  void state(const RequestBatch& requests, std::size_t i, Eigen::Ref<Eigen::VectorXd> out) const;
  /// Adds a choice at a place, `share` times. Args: choice: its place among the round's choices.
  /// out: (size).
  void add(const RequestBatch& requests, std::size_t i, std::size_t place, std::size_t choice,
           double share, Eigen::Ref<Eigen::VectorXd> out) const;

 private:
  const Schema& schema_;
  Encoder encoder_;
  bool list_, by_slot_;
  Eigen::Index n_state_, size_;
};

/// A round of a session as its models read it.
struct SessionRound {
  Eigen::VectorXd state;     // (n_state)
  Eigen::VectorXd shown;     // (size) of the logged page, the state first
  Eigen::VectorXd expected;  // (size) its mean over the evaluation policy's pages
};

/// Second moments of sessions' rounds under one evaluation policy, by fold of users and step: all
/// that the models below are solved from, in one pass over the log.
class SessionMoments {
 public:
  SessionMoments(const SessionFeatures& features, std::size_t n_folds, std::size_t n_steps,
                 std::size_t n_metrics);
  /// Args: rounds: of one session, in order.  ratio: pi / mu of each page.  reward: [metric] of
  /// each, discounted.
  void add(std::size_t fold, std::span<const SessionRound> rounds, std::span<const double> ratio,
           std::span<const std::span<const double>> reward);
  void add(const SessionMoments& other);

 private:
  friend class SessionModels;
  struct Step {
    Eigen::MatrixXd states, moved;         // (n_state, n_state) s s', s_next ratio s'
    Eigen::MatrixXd pages, next;           // (size, size) z z', z E[z_next]'
    std::vector<Eigen::VectorXd> rewards;  // [metric] (size) reward z
  };
  std::vector<std::vector<Step>> steps_;  // [fold][step]
};

/// Fitted Q evaluation (Le et al., ICML 2019) and marginal state weights (Xie et al., NeurIPS 2019)
/// of one evaluation policy, both linear and solved step by step from the moments: values from the
/// last page back, Q_t = E[r_t + V_{t+1}]; weights from the first on, w_{t+1}(s) =
/// E[w_t(s_t) ratio_t | s_{t+1} = s] over the sessions that go on. Cross-fitted by users.
class SessionModels {
 public:
  SessionModels(const SessionMoments& moments, double penalty = 1);
  /// Args: fold: of the user, whose model learnt from the others.
  double value(std::size_t fold, std::size_t metric, std::size_t step,
               const Eigen::VectorXd& page) const {
    return values_[fold][metric][step].dot(page);
  }
  /// At least 0, where the regression goes below.
  double weight(std::size_t fold, std::size_t step, const Eigen::VectorXd& state) const {
    return step == 0 ? 1 : std::max(0.0, weights_[fold][step].dot(state));
  }

 private:
  std::vector<std::vector<std::vector<Eigen::VectorXd>>> values_;  // [fold][metric][step] (size)
  std::vector<std::vector<Eigen::VectorXd>> weights_;              // [fold][step] (n_state)
};

}  // namespace rehearsal
