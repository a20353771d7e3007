#include "analysis/estimator_scores.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

void check_pairs(std::span<const double> estimates, std::span<const double> truths) {
  if (estimates.empty() || estimates.size() != truths.size())
    throw Error(ErrorKind::kInput, fmt::format("estimator scores: {} estimates for {} truths",
                                               estimates.size(), truths.size()));
  for (std::size_t i = 0; i < estimates.size(); ++i)
    if (!std::isfinite(estimates[i]) || !std::isfinite(truths[i]))
      throw Error(ErrorKind::kInput, fmt::format("estimator scores: estimate {} of truth {}",
                                                 estimates[i], truths[i]));
}

/// From 1; equals share the mean of their places.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last < order.size() && values[order[last]] == values[order[first]]) ++last;
    for (std::size_t i = first; i < last; ++i)
      out[order[i]] = 0.5 * static_cast<double>(first + last + 1);
    first = last;
  }
  return out;
}

/// True values of the k policies that look best; of equals the earlier.
std::vector<double> top_truths(std::span<const double> estimates, std::span<const double> truths,
                               std::size_t k) {
  check_pairs(estimates, truths);
  if (k == 0 || k > truths.size())
    throw Error(ErrorKind::kInput,
                fmt::format("estimator scores: top {} of {} policies", k, truths.size()));
  std::vector<std::size_t> order(truths.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return estimates[a] > estimates[b]; });
  std::vector<double> out;
  for (std::size_t i = 0; i < k; ++i) out.push_back(truths[order[i]]);
  return out;
}

}  // namespace

double relative_error(double estimate, double truth) {
  return truth == 0 ? kNan : std::abs(estimate - truth) / std::abs(truth);
}

double squared_error(double estimate, double truth) {
  return (estimate - truth) * (estimate - truth);
}

EstimatorAccuracy estimator_accuracy(std::span<const double> estimates,
                                     std::span<const double> truths) {
  const std::vector<double> same(truths.size() == 1 ? estimates.size() : 0,
                                 truths.empty() ? 0.0 : truths[0]);
  if (truths.size() == 1) truths = same;
  check_pairs(estimates, truths);
  EstimatorAccuracy out;
  out.n = static_cast<double>(estimates.size());
  double truth = 0, fourth = 0;
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    const double square = squared_error(estimates[i], truths[i]);
    out.bias += (estimates[i] - truths[i]) / out.n;
    out.mse += square / out.n;
    out.relative_error += relative_error(estimates[i], truths[i]) / out.n;
    truth += truths[i] / out.n;
    fourth += square * square / out.n;
  }
  for (std::size_t i = 0; i < estimates.size(); ++i)
    out.variance += squared_error(estimates[i] - truths[i], out.bias) / out.n;
  out.root_mse = std::sqrt(out.mse);
  out.relative_mse = truth == 0 ? kNan : out.mse / (truth * truth);
  if (out.n > 1) {
    out.bias_standard_error = std::sqrt(out.variance / (out.n - 1));
    out.mse_standard_error = std::sqrt(std::max(0.0, fourth - out.mse * out.mse) / (out.n - 1));
  }
  return out;
}

double spearman(std::span<const double> estimates, std::span<const double> truths) {
  check_pairs(estimates, truths);
  const std::vector<double> a = ranks(estimates), b = ranks(truths);
  const double mean = 0.5 * static_cast<double>(a.size() + 1);
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean) * (b[i] - mean);
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : kNan;
}

double regret_at_k(std::span<const double> estimates, std::span<const double> truths,
                   std::size_t k) {
  const std::vector<double> top = top_truths(estimates, truths, k);
  return *std::max_element(truths.begin(), truths.end()) -
         *std::max_element(top.begin(), top.end());
}

double sharpe_ratio_at_k(std::span<const double> estimates, std::span<const double> truths,
                         std::size_t k, double baseline) {
  const std::vector<double> top = top_truths(estimates, truths, k);
  double mean = 0, squares = 0;
  for (const double value : top) mean += value / static_cast<double>(k);
  for (const double value : top) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(k));
  const double gain = std::max(0.0, *std::max_element(top.begin(), top.end()) - baseline);
  return deviation > 0 ? gain / deviation : kNan;
}

DecisionErrors decision_errors(std::span<const double> scores, std::span<const double> truths,
                               double threshold) {
  check_pairs(scores, truths);
  DecisionErrors out;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const bool good = truths[i] >= threshold, passed = scores[i] >= threshold;
    (good ? out.n_good : out.n_bad) += 1;
    if (!good && passed) out.type_1 += 1;
    if (good && !passed) out.type_2 += 1;
  }
  if (out.n_bad > 0) out.type_1 /= out.n_bad;
  if (out.n_good > 0) out.type_2 /= out.n_good;
  return out;
}

}  // namespace rehearsal
