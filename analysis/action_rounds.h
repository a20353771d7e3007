#pragma once

#include <functional>
#include <span>
#include <vector>

#include "analysis/estimators.h"
#include "analysis/term_sums.h"
#include "sim/core/kernels.h"

namespace rehearsal {

/// Rounds of one action each, in columns, borrowed. Those that the estimators in use do not need
/// may be empty. Weights are pi(a_i | x_i) / pscore_i unless `weight` or `weigh` gives others.
struct ActionRounds {
  std::size_t n_actions = 0;
  std::span<const std::uint32_t> action;  // (n_rounds) below n_actions
  std::span<const double> reward;         // (n_rounds)
  std::span<const double> pscore;         // (n_rounds) above 0
  std::span<const double> action_dist;    // (n_rounds, n_actions) pi(a | x_i)
  std::span<const double> q_hat;          // (n_rounds, n_actions)
  std::span<const double> weight{};       // (n_rounds) in place of pi / pscore
  /// Writes the weights of rounds [first, first + out.size()), in place of pi / pscore.
  std::function<void(std::size_t first, std::span<double> out)> weigh{};
  std::span<const double> direct{};       // (n_rounds) in place of sum_a pi q_hat / sum_a pi
  std::span<const double> shown_q_hat{};  // (n_rounds) in place of q_hat's logged entries

  std::size_t size() const { return reward.size(); }
};

/// Empty sums of single actions, one for each estimator.
std::vector<TermSums> action_sums(std::span<const Estimator> chosen);
/// Adds rounds to them in one pass over the columns, at the speed of memory. Blocks of kActionBlock
/// rounds are summed on threads (0: all of the machine) and combined in their order: threads change
/// no byte. Args: rounds: whose `weigh` may be called from any thread.
void add_actions(std::span<const Estimator> chosen, const ActionRounds& rounds, int threads,
                 std::span<TermSums> sums, Simd simd = best_simd());
inline constexpr std::size_t kActionBlock = 65536;

/// Scores single actions. Returns: one for each estimator. Raises: Error(kInput) for no rounds.
std::vector<PointEstimate> estimate_actions(std::span<const Estimator> chosen,
                                            const ActionRounds& rounds, int threads = 1,
                                            Simd simd = best_simd());

/// The terms of each round, denominators at their means: the estimate is their mean. What selection
/// rules, bounds and resampling work on.
std::vector<double> action_terms(const Estimator& estimator, const ActionRounds& rounds,
                                 Simd simd = best_simd());

/// The importance weights of each round.
std::vector<double> action_weights(const ActionRounds& rounds);

}  // namespace rehearsal
