#include "analysis/action_weights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/core/error.h"

namespace rehearsal {

std::vector<double> cluster_weights(std::span<const double> action_dist,
                                    std::span<const double> pi_b,
                                    std::span<const std::uint32_t> action,
                                    std::span<const std::uint32_t> cluster) {
  const std::size_t n_actions = cluster.size();
  std::vector<double> out(action.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::uint32_t own = cluster[action[i]];
    double above = 0, below = 0;
    for (std::size_t a = 0; a < n_actions; ++a) {
      if (cluster[a] != own) continue;
      above += action_dist[i * n_actions + a];
      below += pi_b[i * n_actions + a];
    }
    out[i] = above / below;
  }
  return out;
}

const Registry<SmoothingKernel>& smoothing_kernels() {
  static const std::string source = "Kallus and Zhou, AISTATS 2018";
  static const Registry<SmoothingKernel> registry(
      "kernel",
      {
          {"gaussian", "exp(-u^2 / 2) / sqrt(2 pi)", source,
           [](double u) { return std::exp(-u * u / 2) / std::sqrt(2 * std::numbers::pi); }},
          {"epanechnikov", "3/4 (1 - u^2) on [-1, 1]", source,
           [](double u) { return std::abs(u) < 1 ? 0.75 * (1 - u * u) : 0.0; }},
          {"triangular", "1 - |u| on [-1, 1]", source,
           [](double u) { return std::max(0.0, 1 - std::abs(u)); }},
          {"cosine", "pi/4 cos(pi u / 2) on [-1, 1]", source,
           [](double u) {
             return std::abs(u) < 1 ? std::numbers::pi / 4 * std::cos(u * std::numbers::pi / 2)
                                    : 0.0;
           }},
      });
  return registry;
}

std::vector<double> kernel_weights(const SmoothingKernel& kernel, double bandwidth,
                                   std::span<const double> chosen, std::span<const double> action,
                                   std::span<const double> density) {
  REHEARSAL_CHECK(bandwidth > 0);
  std::vector<double> out(action.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = kernel.value((chosen[i] - action[i]) / bandwidth) / (bandwidth * density[i]);
  return out;
}

std::vector<double> switch_terms(std::span<const double> weight, std::span<const double> reward,
                                 std::span<const double> action_dist, std::span<const double> pi_b,
                                 std::span<const double> q_hat, double tau) {
  const std::size_t n = reward.size(), n_actions = n == 0 ? 0 : action_dist.size() / n;
  std::vector<double> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = weight[i] <= tau ? weight[i] * reward[i] : 0.0;
    for (std::size_t c = i * n_actions; c < (i + 1) * n_actions; ++c)
      if (action_dist[c] > tau * pi_b[c]) sum += action_dist[c] * q_hat[c];
    out[i] = sum;
  }
  return out;
}

}  // namespace rehearsal
