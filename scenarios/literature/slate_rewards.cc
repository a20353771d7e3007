#include "scenarios/literature/slate_rewards.h"

#include <algorithm>
#include <cmath>

#include "sim/core/draws.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

std::vector<double> uniforms(Stream& stream, std::size_t n, double low, double high) {
  std::vector<double> out(n);
  for (double& each : out) each = low + (high - low) * stream.uniform();
  return out;
}

void softmax(std::span<double> logits, double scale) {
  double largest = scale * logits[0], sum = 0;
  for (const double logit : logits) largest = std::max(largest, scale * logit);
  for (double& each : logits) sum += each = std::exp(scale * each - largest);
  for (double& each : logits) each /= sum;
}

std::size_t pick(std::span<const double> p, double u) {
  double sum = 0;
  for (std::size_t a = 0; a + 1 < p.size(); ++a)
    if (u < (sum += p[a])) return a;
  std::size_t last = p.size() - 1;
  while (last > 0 && p[last] == 0) --last;
  return last;
}

BilinearLogits::BilinearLogits(std::size_t n_actions, std::size_t n_features, Stream& stream)
    : n_actions_(n_actions),
      n_features_(n_features),
      context_(uniforms(stream, n_features + 1, -1, 1)),
      action_(uniforms(stream, n_actions + 1, -1, 1)),
      product_(uniforms(stream, (n_features + 1) * (n_actions + 1), -1, 1)) {}

void BilinearLogits::at(std::span<const double> context, std::span<double> out) const {
  const std::size_t width = n_actions_ + 1;  // column 0 stands for the constant
  double same = context_[0] + action_[0] + product_[0];
  for (std::size_t f = 0; f < n_features_; ++f)
    same += context[f] * (context_[f + 1] + product_[(f + 1) * width]);
  for (std::size_t a = 0; a < n_actions_; ++a) {
    double own = action_[a + 1] + product_[a + 1];
    for (std::size_t f = 0; f < n_features_; ++f)
      own += context[f] * product_[(f + 1) * width + a + 1];
    out[a] = same + own;
  }
}

RewardStructure reward_structure(const std::string& name) {
  if (name == "independent") return RewardStructure::kIndependent;
  REHEARSAL_CHECK(name == "cascade" || name == "standard");
  return name == "cascade" ? RewardStructure::kCascade : RewardStructure::kStandard;
}

void SlateRewards::expected(std::span<const double> logits, std::span<const std::uint16_t> slate,
                            std::span<double> out) const {
  for (std::size_t k = 0; k < slate.size(); ++k) {
    double logit = logits[slate[k]];
    const std::size_t end = structure == RewardStructure::kIndependent ? 0
                            : structure == RewardStructure::kCascade   ? k
                                                                       : slate.size();
    for (std::size_t j = 0; j < end; ++j) {
      if (j == k) continue;
      const double distance = static_cast<double>(j < k ? k - j : j - k);
      logit += additive ? interaction(slate[k], slate[j]) : -logits[slate[j]] / (distance + 1);
    }
    out[k] = logistic(logit);
  }
}

RowMatrix symmetric_normals(Stream& stream, std::size_t n, double deviation) {
  const auto size = static_cast<Eigen::Index>(n);
  RowMatrix out(size, size);
  for (Eigen::Index i = 0; i < size; ++i)
    for (Eigen::Index j = 0; j <= i; ++j) out(i, j) = out(j, i) = deviation * normal_from(stream());
  return out;
}

void each_slate(std::size_t m, std::size_t l, bool repeats,
                const std::function<void(std::span<const std::uint16_t>)>& visit) {
  std::vector<std::uint16_t> slate(l, 0);
  for (;;) {
    std::vector<bool> seen(m, false);
    bool allowed = true;
    for (const std::uint16_t a : slate) {
      allowed &= repeats || !seen[a];
      seen[a] = true;
    }
    if (allowed) visit(slate);
    std::size_t k = l;
    while (k > 0 && ++slate[k - 1] == m) slate[--k] = 0;
    if (k == 0) return;
  }
}

}  // namespace rehearsal
