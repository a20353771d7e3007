#include "sim/slate/draw_grid.h"

#include <algorithm>
#include <cmath>

#include "sim/core/quadrature.h"

namespace rehearsal {

namespace {

constexpr int kNodes = 16;
constexpr double kDeepest = 42;  // logarithm by which a density has fallen at its panels' end
constexpr double kWidth = 1.25;  // panel width in units of the density's own width
constexpr double kDrop = 6;      // most that a log density changes over a panel
using Nodes = Eigen::Matrix<double, kNodes, 1>;
using Square = Eigen::Matrix<double, kNodes, kNodes>;
using Panels = Eigen::Matrix<double, kNodes, Eigen::Dynamic>;

struct Rule {
  Rule() {
    const Quadrature gauss = gauss_legendre(kNodes);
    below = running_integrals(gauss);
    for (int i = 0; i < kNodes; ++i) {
      node[i] = gauss.node[static_cast<std::size_t>(i)];
      weight[i] = gauss.weight[static_cast<std::size_t>(i)];
    }
    above = below.reverse();
  }
  Nodes node;
  Nodes weight;
  Square below;
  Square above;
};

const Rule& rule() {
  static const Rule instance;
  return instance;
}

/// Log density of log odds t, relative to its mode log(a / b).
double log_density(const Beta& beta, double t) {
  const double d = t - std::log(beta.a / beta.b);
  const double total = beta.a + beta.b;
  return d < 0 ? beta.a * d - total * std::log1p(beta.a / total * std::expm1(d))
               : -beta.b * d - total * std::log1p(beta.b / total * std::expm1(-d));
}

double curvature(const Beta& beta, double t) {
  const double x = 1 / (1 + std::exp(-t));
  return (beta.a + beta.b) * x * (1 - x);
}

/// May a panel have these ends? The logistic function's poles are at distance pi from t = 0.
bool resolves(const Beta& beta, double from, double to) {
  const double width = std::abs(to - from);
  const double sharpest = std::max(curvature(beta, from), curvature(beta, to));
  const double near = from * to > 0 ? std::min(std::abs(from), std::abs(to)) : 0;
  return width * std::sqrt(sharpest) <= kWidth && width <= std::max(2.0, 0.5 * near) &&
         std::abs(log_density(beta, from) - log_density(beta, to)) <= kDrop;
}

using Cell = DrawGrid::Interval;

/// Panels that resolve one density, outward from its mode.
void add_intervals(const Beta& beta, std::vector<Cell>& intervals) {
  for (const double direction : {-1.0, 1.0}) {
    double from = std::log(beta.a / beta.b);
    double width = 1;
    while (log_density(beta, from) > -kDeepest) {
      width *= 2;
      while (!resolves(beta, from, from + direction * width)) width *= 0.8;
      const double to = from + direction * width;
      intervals.push_back({std::min(from, to), std::max(from, to)});
      from = to;
    }
  }
}

/// Panels none of which is wider than any interval it meets; gaps stay gaps.
std::vector<Cell> merge(std::vector<Cell> intervals) {
  std::sort(intervals.begin(), intervals.end(),
            [](const Cell& a, const Cell& b) { return a.start < b.start; });
  std::vector<Cell> panels;
  double at = intervals.front().start;
  while (true) {
    double next = INFINITY;
    double later = INFINITY;
    for (const Cell& interval : intervals) {
      if (interval.start > at) later = std::min(later, interval.start);
      if (interval.start >= next) break;
      if (interval.end <= at || (interval.start > at && next == INFINITY)) continue;
      next = std::min(next, std::max(at, interval.start) + interval.end - interval.start);
    }
    if (next == INFINITY) {
      if (later == INFINITY) return panels;
      at = later;
      continue;
    }
    panels.push_back({at, next});
    at = next;
  }
}

}  // namespace

DrawGrid::DrawGrid(std::vector<Cell> intervals, std::size_t n_draws,
                   const std::function<double(std::size_t, double)>& log_density) {
  const std::vector<Cell> panels = merge(std::move(intervals));
  const Eigen::Index n = static_cast<Eigen::Index>(panels.size());
  half_width_.resize(n);
  weight_.resize(n * kNodes);
  Eigen::ArrayXd t(n * kNodes);
  for (Eigen::Index p = 0; p < n; ++p) {
    const Cell& panel = panels[static_cast<std::size_t>(p)];
    half_width_[p] = (panel.end - panel.start) / 2;
    weight_.segment<kNodes>(p * kNodes) = half_width_[p] * rule().weight.array();
    t.segment<kNodes>(p * kNodes) =
        (panel.start + panel.end) / 2 + half_width_[p] * rule().node.array();
  }
  for (std::size_t c = 0; c < n_draws; ++c) {
    Eigen::ArrayXd density(t.size());
    for (Eigen::Index q = 0; q < t.size(); ++q) density[q] = std::exp(log_density(c, t[q]));
    density /= (density * weight_).sum();
    cdf_.push_back(below(density).max(0.0).min(1.0));
    density_.push_back(std::move(density));
  }
}

std::size_t DrawGrid::bytes() const {
  return sizeof(double) * static_cast<std::size_t>(weight_.size()) * (1 + 2 * density_.size());
}

Eigen::ArrayXd DrawGrid::above(const Eigen::ArrayXd& f) const {
  Eigen::ArrayXd integral(f.size());
  const Eigen::Map<const Panels> values(f.data(), kNodes, half_width_.size());
  Eigen::Map<Panels> out(integral.data(), kNodes, half_width_.size());
  out.noalias() = rule().above * values;
  double beyond = 0;
  for (Eigen::Index p = half_width_.size() - 1; p >= 0; --p) {
    out.col(p) = (half_width_[p] * out.col(p)).array() + beyond;
    beyond += half_width_[p] * rule().weight.dot(values.col(p));
  }
  return integral;
}

Eigen::ArrayXd DrawGrid::below(const Eigen::ArrayXd& f) const {
  Eigen::ArrayXd integral(f.size());
  const Eigen::Map<const Panels> values(f.data(), kNodes, half_width_.size());
  Eigen::Map<Panels> out(integral.data(), kNodes, half_width_.size());
  out.noalias() = rule().below * values;
  double before = 0;
  for (Eigen::Index p = 0; p < half_width_.size(); ++p) {
    out.col(p) = (half_width_[p] * out.col(p)).array() + before;
    before += half_width_[p] * rule().weight.dot(values.col(p));
  }
  return integral;
}

DrawGrid beta_grid(std::span<const Beta> betas) {
  std::vector<Cell> intervals;
  for (const Beta& beta : betas) add_intervals(beta, intervals);
  return {std::move(intervals), betas.size(),
          [&](std::size_t c, double t) { return log_density(betas[c], t); }};
}

DrawGrid normal_grid(std::span<const double> means, std::span<const double> deviations) {
  const double reach = std::sqrt(2 * kDeepest);
  const auto n_panels = static_cast<int>(std::ceil(2 * reach / kWidth));
  std::vector<Cell> intervals;
  for (std::size_t c = 0; c < means.size(); ++c)
    for (int p = 0; p < n_panels; ++p) {
      const auto at = [&](int step) {
        return means[c] + deviations[c] * reach * (2.0 * step / n_panels - 1);
      };
      intervals.push_back({at(p), at(p + 1)});
    }
  return {std::move(intervals), means.size(), [&](std::size_t c, double t) {
            const double z = (t - means[c]) / deviations[c];
            return -0.5 * z * z;
          }};
}

}  // namespace rehearsal
