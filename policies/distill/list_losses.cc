#include "policies/distill/list_losses.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "policies/losses.h"

namespace rehearsal {

namespace {

/// Items by descending value; equal ones in their order.
std::vector<std::size_t> by_value(std::span<const float> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  return order;
}

/// log softmax(values / temperature) of some items. Returns: (items.size()).
std::vector<double> log_softmax(std::span<const float> values, std::span<const std::size_t> items,
                                double temperature) {
  std::vector<double> out(items.size());
  double top = -INFINITY;
  for (std::size_t k = 0; k < items.size(); ++k) {
    out[k] = static_cast<double>(values[items[k]]) / temperature;
    top = std::max(top, out[k]);
  }
  double sum = 0;
  for (const double value : out) sum += std::exp(value - top);
  for (double& value : out) value -= top + std::log(sum);
  return out;
}

/// temperature^2 KL over some items; adds to the gradient.
double softmax_divergence(std::span<const float> s, std::span<const float> t,
                          std::span<const std::size_t> items, double temperature,
                          std::span<float> gradient) {
  const std::vector<double> student = log_softmax(s, items, temperature);
  const std::vector<double> teacher = log_softmax(t, items, temperature);
  double loss = 0;
  for (std::size_t k = 0; k < items.size(); ++k) {
    const double p = std::exp(teacher[k]);
    loss += p * (teacher[k] - student[k]);
    gradient[items[k]] += static_cast<float>(temperature * (std::exp(student[k]) - p));
  }
  return temperature * temperature * loss;
}

}  // namespace

double list_wise_loss(std::span<const float> s, std::span<const float> t, double temperature,
                      std::span<float> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0f);
  std::vector<std::size_t> all(s.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return softmax_divergence(s, t, all, temperature, gradient);
}

double ranking_distillation_loss(std::span<const float> s, std::span<const float> t,
                                 const RankingDistillation& options, std::span<float> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0f);
  const std::vector<std::size_t> teacher = by_value(t);
  const std::vector<std::size_t> student = by_value(s);
  std::vector<std::size_t> rank(s.size());
  for (std::size_t r = 0; r < student.size(); ++r) rank[student[r]] = r + 1;
  const std::size_t top = std::min(options.top, s.size());
  double normaliser = 0;
  for (std::size_t r = 1; r <= top; ++r)
    normaliser += std::exp(-static_cast<double>(r) / options.decay);
  double loss = 0;
  for (std::size_t r = 1; r <= top; ++r) {
    const std::size_t item = teacher[r - 1];
    const double of_place = std::exp(-static_cast<double>(r) / options.decay) / normaliser;
    const double behind = static_cast<double>(rank[item]) - static_cast<double>(r);
    const double of_rank = std::tanh(std::max(0.0, options.slope * behind));
    const double weight = options.mix * of_place + (1 - options.mix) * of_rank;
    const LossTerm term = cross_entropy(static_cast<double>(s[item]), 1);
    loss += weight * term.loss;
    gradient[item] = static_cast<float>(weight * term.by_first);
  }
  return loss;
}

double relaxed_ranking_loss(std::span<const float> s, std::span<const float> t, std::size_t top,
                            std::span<float> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0f);
  const std::vector<std::size_t> order = by_value(t);
  double loss = 0;
  for (std::size_t k = 0; k < std::min(top, order.size()); ++k) {
    const std::span<const std::size_t> rest = std::span(order).subspan(k);
    const std::vector<double> log_p = log_softmax(s, rest, 1);
    loss -= log_p[0];
    gradient[order[k]] -= 1;
    for (std::size_t j = 0; j < rest.size(); ++j)
      gradient[rest[j]] += static_cast<float>(std::exp(log_p[j]));
  }
  return loss;
}

double rank_distil_loss(std::span<const float> s, std::span<const float> t, std::size_t top,
                        double margin, std::span<float> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0f);
  const std::vector<std::size_t> order = by_value(t);
  const std::span<const std::size_t> first = std::span(order).first(std::min(top, order.size()));
  double loss = softmax_divergence(s, t, first, 1, gradient);
  if (first.empty()) return 0;
  const std::size_t lowest = *std::min_element(
      first.begin(), first.end(), [&](std::size_t a, std::size_t b) { return s[a] < s[b]; });
  for (std::size_t k = first.size(); k < order.size(); ++k) {
    const double lack = margin + static_cast<double>(s[order[k]]) - static_cast<double>(s[lowest]);
    if (lack <= 0) continue;
    loss += 0.5 * lack * lack;
    gradient[order[k]] += static_cast<float>(lack);
    gradient[lowest] -= static_cast<float>(lack);
  }
  return loss;
}

}  // namespace rehearsal
