#pragma once

#include <span>
#include <vector>

#include "sim/core/types.h"
#include "sim/slate.h"

namespace rehearsal {

/// Beta densities and distribution functions on one grid that resolves all of them: panels of 16
/// Gauss-Legendre nodes in the log odds t = log(x / (1 - x)), where the densities are smooth with
/// exponential tails whatever their parameters. Where no density is above exp(-42) of its peak
/// there is no panel.
class BetaGrid {
 public:
  explicit BetaGrid(std::span<const Beta> betas);

  Eigen::Index n_nodes() const { return weight_.size(); }
  std::size_t bytes() const;
  const Eigen::ArrayXd& weight() const { return weight_; }
  /// Args: c: index into betas. Each (n_nodes); the density is one of t.
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

}  // namespace rehearsal
