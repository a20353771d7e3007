#include "analysis/minimize.h"

#include <cmath>
#include <deque>
#include <vector>

namespace rehearsal {

namespace {

/// A step and what it did to the gradient.
struct Pair {
  Eigen::VectorXd step, change;
  double curvature = 0;  // step . change > 0
};

/// -H gradient by the two-loop recursion.
Eigen::VectorXd direction(const std::deque<Pair>& pairs, const Eigen::VectorXd& gradient) {
  Eigen::VectorXd q = -gradient;
  std::vector<double> a(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    a[i] = pairs[i].step.dot(q) / pairs[i].curvature;
    q -= a[i] * pairs[i].change;
  }
  if (pairs.empty()) return q / std::max(1.0, gradient.norm());
  q *= pairs.back().curvature / pairs.back().change.squaredNorm();
  for (std::size_t i = 0; i < pairs.size(); ++i)
    q += (a[i] - pairs[i].change.dot(q) / pairs[i].curvature) * pairs[i].step;
  return q;
}

}  // namespace

double minimize(const SmoothFunction& objective, Eigen::VectorXd& x,
                const MinimizeOptions& options) {
  constexpr double kArmijo = 1e-4;
  constexpr int kHalvings = 40;
  Eigen::VectorXd gradient(x.size()), next_gradient(x.size());
  double value = objective(x, gradient);
  std::deque<Pair> pairs;
  for (int step = 0; step < options.max_steps; ++step) {
    if (gradient.lpNorm<Eigen::Infinity>() <= options.tolerance * std::max(1.0, std::abs(value)))
      break;
    Eigen::VectorXd p = direction(pairs, gradient);
    if (p.dot(gradient) >= 0) {  // lost to rounding: start over downhill
      pairs.clear();
      p = direction(pairs, gradient);
    }
    const double slope = p.dot(gradient);
    double length = 1, next_value = 0;
    Eigen::VectorXd next;
    int halvings = 0;
    for (; halvings < kHalvings; ++halvings, length /= 2) {
      next = x + length * p;
      next_value = objective(next, next_gradient);
      if (next_value <= value + kArmijo * length * slope) break;  // false for NaN
    }
    if (halvings == kHalvings) break;
    Pair pair{next - x, next_gradient - gradient, 0};
    pair.curvature = pair.step.dot(pair.change);
    if (pair.curvature > 1e-12 * pair.change.squaredNorm()) pairs.push_back(std::move(pair));
    if (pairs.size() > static_cast<std::size_t>(options.memory)) pairs.pop_front();
    x = next;
    gradient = next_gradient;
    value = next_value;
  }
  return value;
}

}  // namespace rehearsal
