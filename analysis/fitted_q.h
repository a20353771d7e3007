#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// What a backward regression learns from, borrowed: runs of rows (sessions and their steps, slates
/// and their positions), one after another.
struct QProblem {
  std::span<const std::uint32_t> offsets;  // (runs + 1), from 0
  RowMatrix features;                      // (rows, d) of the state before the action
  std::size_t n_actions = 0;
  std::span<const std::uint32_t> action;  // (rows)
  std::span<const double> reward;         // (rows)
  std::span<const double> action_dist;    // (rows, n_actions) evaluation policy in this state
  std::span<const double> weight{};       // (rows) of the fit; empty: 1 each
  double gamma = 1;                       // discount a step
};

struct QOptions {
  double ridge = 1e-6;      // penalty, relative to the mean squared feature of the rows of a fit
  std::size_t n_folds = 1;  // 1: fitted on all runs; else run i % n_folds is predicted by a fit on
                            // the others
};

/// Fitted Q evaluation by ridge regression, one an action and step, from the last step back: the
/// target at a step is r + gamma sum_a pi(a) Q_next(a) (Le et al., ICML 2019; for slates, with
/// cumulative weights or without, Kiyohara et al., WSDM 2022). One-hot states make it tabular.
/// An action never seen at a step is worth what all actions there are on average.
/// Returns: (rows, n_actions).
/// Raises: Error(kInput) for no runs, fewer runs than folds, or columns of other sizes.
std::vector<double> fitted_q(const QProblem& problem, const QOptions& options);

/// V of each run's first row: sum_a pi(a) q_hat(a).
std::vector<double> first_values(const QProblem& problem, std::span<const double> q_hat);

/// States of slates for fitted_q: the context and, one-hot, the items at the positions above.
/// Args: context: (slates, d).  Returns: (rows, d + n_positions * n_actions).
RowMatrix slate_states(std::span<const std::uint32_t> offsets,
                       std::span<const std::uint32_t> action, std::size_t n_actions,
                       const Eigen::Ref<const RowMatrix>& context);

}  // namespace rehearsal
