#include "policies/off_policy/plackett_luce_gradient.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace rehearsal {

namespace {

/// e^(f - max f), and 0 for what slate[0 ... k-1] has placed.
std::vector<double> remaining_weights(std::span<const double> logits,
                                      std::span<const std::uint16_t> slate, std::size_t k) {
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size());
  for (std::size_t c = 0; c < logits.size(); ++c) weights[c] = std::exp(logits[c] - top);
  for (std::size_t j = 0; j < k; ++j) weights[slate[j]] = 0;
  return weights;
}

double sum(std::span<const double> values) {
  double total = 0;
  for (const double value : values) total += value;
  return total;
}

}  // namespace

void step_log_probabilities(std::span<const double> logits, std::span<const std::uint16_t> slate,
                            std::span<double> out) {
  const double top = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights = remaining_weights(logits, slate, 0);
  for (std::size_t k = 0; k < slate.size(); ++k) {
    out[k] = logits[slate[k]] - top - std::log(sum(weights));
    weights[slate[k]] = 0;
  }
}

void add_step_gradients(std::span<const double> logits, std::span<const std::uint16_t> slate,
                        std::span<const double> slopes, std::span<double> gradient) {
  std::vector<double> weights = remaining_weights(logits, slate, 0);
  for (std::size_t k = 0; k < slate.size(); ++k) {
    const double scale = slopes[k] / sum(weights);
    for (std::size_t c = 0; c < logits.size(); ++c) gradient[c] -= scale * weights[c];
    gradient[slate[k]] += slopes[k];
    weights[slate[k]] = 0;
  }
}

void step_distribution(std::span<const double> logits, std::span<const std::uint16_t> slate,
                       std::size_t k, std::span<double> out) {
  const std::vector<double> weights = remaining_weights(logits, slate, k);
  const double total = sum(weights);
  for (std::size_t c = 0; c < logits.size(); ++c) out[c] = weights[c] / total;
}

void add_pl_rank(std::span<const double> logits, std::span<const double> theta,
                 std::span<const double> rho, std::span<const std::uint16_t> ranking, double scale,
                 std::span<double> gradient) {
  const std::size_t n = ranking.size();
  const std::vector<double> all = remaining_weights(logits, ranking, 0);
  std::vector<double> below(n + 1, 0.0);  // value placed from rank i on
  for (std::size_t i = n; i-- > 0;) below[i] = below[i + 1] + theta[i] * rho[ranking[i]];
  std::vector<double> weights = all;
  std::vector<double> reward(n + 1, 0.0);  // RI and DI up to and including rank i - 1
  std::vector<double> rank(n + 1, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double z = sum(weights);
    reward[i + 1] = reward[i] + below[i] / z;
    rank[i + 1] = rank[i] + theta[i] / z;
    weights[ranking[i]] = 0;
  }
  std::vector<std::size_t> place(logits.size(), n);
  for (std::size_t i = 0; i < n; ++i) place[ranking[i]] = i;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    const std::size_t seen = std::min(place[c] + 1, n);  // ranks at which c could be drawn
    const double after = place[c] < n ? below[place[c] + 1] : 0.0;
    gradient[c] += scale * (after + all[c] * (rho[c] * rank[seen] - reward[seen]));
  }
}

}  // namespace rehearsal
