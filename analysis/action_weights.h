#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/core/registry.h"

namespace rehearsal {

/// OffCEM's weights (Saito et al., ICML 2023): pi(c | x) / mu(c | x) of the logged action's
/// cluster. Args: action_dist, pi_b: (n_rounds, n_actions).  action: (n_rounds).  cluster:
/// (n_actions) ids. Returns: (n_rounds); infinite or NaN where mu gives the cluster no probability.
std::vector<double> cluster_weights(std::span<const double> action_dist,
                                    std::span<const double> pi_b,
                                    std::span<const std::uint32_t> action,
                                    std::span<const std::uint32_t> cluster);

/// A kernel on the line: an entry of smoothing_kernels().
struct SmoothingKernel {
  std::string name;
  std::string summary;
  std::string source;
  double (*value)(double u) = nullptr;  // integrates to 1
};

const Registry<SmoothingKernel>& smoothing_kernels();

/// Weights of continuous actions (Kallus and Zhou, AISTATS 2018): K((a_pi - a) / h) / (h p).
/// Args: chosen: (n_rounds) the evaluation policy's action.  action: (n_rounds) the logged one.
///       density: (n_rounds) of the logged action, above 0.  bandwidth: h above 0.
std::vector<double> kernel_weights(const SmoothingKernel& kernel, double bandwidth,
                                   std::span<const double> chosen, std::span<const double> action,
                                   std::span<const double> density);

/// The first form of SWITCH (Wang et al., ICML 2017): importance weights where they are at most
/// tau, the reward model for the actions whose weight is above it.
/// Args: weight, reward: (n_rounds).  action_dist, pi_b, q_hat: (n_rounds, n_actions).
/// Returns: (n_rounds) terms whose mean is the estimate.
std::vector<double> switch_terms(std::span<const double> weight, std::span<const double> reward,
                                 std::span<const double> action_dist, std::span<const double> pi_b,
                                 std::span<const double> q_hat, double tau);

}  // namespace rehearsal
