#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// A single-action log as PAS-IF cuts it.
struct BanditColumns {
  RowMatrix features;                 // (n * n_actions, d) of (context, action), round by round
  RowMatrix behavior;                 // (n, n_actions) mu, rows sum to 1
  RowMatrix evaluation;               // (n, n_actions) pi, rows sum to 1
  std::vector<std::uint32_t> action;  // (n)
  std::vector<double> reward;         // (n)

  std::size_t n_rounds() const { return action.size(); }
  std::size_t n_actions() const { return static_cast<std::size_t>(behavior.cols()); }
};

/// rho(x, a) in (0, 1): how likely a round goes to the pseudo-target's part.
class SamplingRule {
 public:
  virtual ~SamplingRule() = default;
  virtual std::size_t n_parameters() const = 0;
  /// Args: out: (n, n_actions) rho.
  virtual void apply(const Eigen::VectorXd& parameters, const BanditColumns& log,
                     RowMatrix& out) const = 0;
  /// Gradient of a loss by the parameters. Args: by_rho: (n, n_actions) dL / d rho.
  virtual Eigen::VectorXd gradient(const Eigen::VectorXd& parameters, const BanditColumns& log,
                                   const RowMatrix& rho, const RowMatrix& by_rho) const = 0;
};

/// rho = logistic(b + theta . features). Args: n_features: columns of the log's features.
std::unique_ptr<SamplingRule> logistic_sampling_rule(std::size_t n_features);

/// The part of the log that stands for a log of the pseudo-behavior mu~ = mu (1 - rho) / (1 -
/// rho_bar); the pseudo-target is pi~ = mu rho / rho_bar.
struct PseudoLog {
  const BanditColumns& log;
  std::span<const std::uint32_t> rows;  // of the part
  const RowMatrix& behavior;            // (n, n_actions) mu~
  const RowMatrix& evaluation;          // (n, n_actions) pi~

  /// pi~ / mu~ of a row's logged action.
  double weight(std::uint32_t row) const {
    const auto i = static_cast<Eigen::Index>(row);
    return evaluation(i, log.action[row]) / behavior(i, log.action[row]);
  }
};

/// An estimator to be tried: the value of pi~ from the pseudo-log.
struct PseudoEstimator {
  std::string name;
  std::function<double(const PseudoLog&)> estimate;
};

struct PasIfOptions {
  double share = 0.2;       // of the rounds that go to the pseudo-target's part
  double tolerance = 0.02;  // on it
  std::vector<double> penalties{0.1, 1, 10, 100, 1000};
  std::size_t n_splits = 10;
  int max_steps = 300;  // of the fit, for each penalty
};

struct PasIfResult {
  std::size_t index = 0;    // into the estimators: least MSE
  std::vector<double> mse;  // of each, on the pseudo-logs
  double share = 0;         // mean rho_bar of the rule that was kept
  double weight_loss = 0;   // its E[(pi~ / mu~ - pi / mu)^2]
  std::string reason;       // one sentence
};

/// PAS-IF (Udagawa et al., AAAI 2023): cuts the log in two so that the parts' weights look like
/// those of the policy in question, takes one part's mean reward as the truth, and scores
/// estimators on the other. The cut depends on the evaluation policy by design.
/// Args: rng: Draw::kAssignment, a session a split.
/// Raises: Error(kInput) for columns that do not fit, a logged action of behavior probability 0,
///         and when no penalty keeps any share in both parts.
PasIfResult pas_if(const BanditColumns& log, std::span<const PseudoEstimator> estimators,
                   const SamplingRule& rule, const PasIfOptions& options, const Rng& rng);

}  // namespace rehearsal
