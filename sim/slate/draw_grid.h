#pragma once

#include <functional>
#include <span>
#include <vector>

#include "sim/core/types.h"
#include "sim/slate.h"

namespace rehearsal {

/// Densities and distribution functions of independent draws on one grid that resolves all of them:
/// panels of 16 Gauss-Legendre nodes. Where no density is above exp(-42) of its peak there is no
/// panel.
class DrawGrid {
 public:
  struct Interval {
    double start = 0;
    double end = 0;
  };
  /// Args: intervals: that resolve each density.  log_density(c, t): of draw c, relative to its
  ///       mode.
  DrawGrid(std::vector<Interval> intervals, std::size_t n_draws,
           const std::function<double(std::size_t, double)>& log_density);

  std::size_t n_draws() const { return density_.size(); }
  Eigen::Index n_nodes() const { return weight_.size(); }
  std::size_t bytes() const;
  const Eigen::ArrayXd& weight() const { return weight_; }
  /// Args: c: index of a draw. Each (n_nodes).
  const Eigen::ArrayXd& density(std::size_t c) const { return density_[c]; }
  const Eigen::ArrayXd& cdf(std::size_t c) const { return cdf_[c]; }
  /// The integral of f from every node to infinity. Args: f: (n_nodes).
  Eigen::ArrayXd above(const Eigen::ArrayXd& f) const;

 private:
  Eigen::ArrayXd below(const Eigen::ArrayXd& f) const;

  Eigen::ArrayXd half_width_;  // (n_panels)
  Eigen::ArrayXd weight_;
  std::vector<Eigen::ArrayXd> density_;
  std::vector<Eigen::ArrayXd> cdf_;
};

/// Of Beta draws, in the log odds t = log(x / (1 - x)), where the densities are smooth with
/// exponential tails whatever their parameters.
DrawGrid beta_grid(std::span<const Beta> betas);
/// Of normal draws. Args: deviations: above 0.
DrawGrid normal_grid(std::span<const double> means, std::span<const double> deviations);

}  // namespace rehearsal
