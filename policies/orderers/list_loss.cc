#include "policies/orderers/list_loss.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace rehearsal {

namespace {

/// weight * CE(target, softmax(z)); the target sums to 1.
double cross_entropy_of(std::span<const double> z, std::span<const double> target, double weight,
                        std::span<double> gradient) {
  double most = -INFINITY, sum = 0, loss = 0;
  for (const double value : z) most = std::max(most, value);
  for (const double value : z) sum += std::exp(value - most);
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double log_p = z[i] - most - std::log(sum);
    loss -= weight * target[i] * log_p;
    gradient[i] = weight * (std::exp(log_p) - target[i]);
  }
  return loss;
}

double total_of(std::span<const double> y) {
  double total = 0;
  for (const double value : y) total += value;
  return total;
}

}  // namespace

double listwise_loss(std::span<const double> z, std::span<const double> y,
                     std::span<double> gradient) {
  const double total = total_of(y);
  std::vector<double> target(y.begin(), y.end());
  for (double& share : target) share = total > 0 ? share / total : 0;
  return cross_entropy_of(z, target, total, gradient);
}

double attention_rank_loss(std::span<const double> z, std::span<const double> y,
                           std::span<double> gradient) {
  const double total = total_of(y);
  std::vector<double> target(y.size(), 0.0);
  double sum = 0;
  const double most = y.empty() ? 0 : *std::max_element(y.begin(), y.end());
  for (std::size_t i = 0; i < y.size(); ++i)
    if (y[i] > 0) sum += target[i] = std::exp(y[i] - most);
  for (double& share : target) share = sum > 0 ? share / sum : 0;
  return cross_entropy_of(z, target, total, gradient);
}

}  // namespace rehearsal
