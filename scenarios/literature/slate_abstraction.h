#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Slates of whole-slate rewards, borrowed; every slot has the same number of items.
struct AbstractedSlates {
  std::size_t n_features = 0, n_slots = 0, n_items = 0;
  std::span<const double> context;       // (n, n_features)
  std::span<const std::uint16_t> slate;  // (n, n_slots)
  std::span<const double> reward;        // (n)
  std::span<const double> behavior;      // (n, n_slots, n_items) of each slot by itself
  std::span<const double> evaluation;    // (n, n_slots, n_items)

  std::size_t size() const { return reward.size(); }
};

/// A stochastic abstraction of slates into a few values, p(phi | x, s), learnt from a log (Kiyohara
/// et al., WWW 2024): it is to predict the reward and to tell the slate's items, and to stay near
/// uniform. There the three parts are networks of one hidden layer and phi is sampled; here they
/// are (multinomial) linear and the expectation over phi is exact.
class SlateAbstraction {
 public:
  /// Args: n_values: of phi.  stream: first parameters.
  SlateAbstraction(const AbstractedSlates& slates, std::size_t n_values, Stream& stream);

  /// Minimizes 1000 E[(r - r_hat(x, phi))^2] - sum_l E[log p(s_l | phi)] + beta KL(phi | uniform)
  /// from where it stands. Args: max_steps: of L-BFGS.
  void fit(double beta, int max_steps);

  /// Each slate's sum_phi p(phi | x, s) p(phi | x, evaluation) / p(phi | x, behavior), (n).
  /// Args: n_samples: slates drawn a policy and round for the two.
  std::vector<double> weights(const Rng& rng, std::size_t n_samples) const;

 private:
  double loss(double beta, const Eigen::VectorXd& at, Eigen::VectorXd& gradient) const;
  void shares(const Eigen::VectorXd& at, std::size_t i, std::span<const std::uint16_t> slate,
              Eigen::ArrayXd& p) const;
  Eigen::ArrayXd mean_shares(const Rng& rng, std::size_t i, std::size_t n_samples,
                             bool evaluation) const;

  // Parameters, each a column of n_values: shares' constant, features, (slot, item); then the
  // reward's constant and features; then the items' (slot, item).
  Eigen::Index column(Eigen::Index c) const { return c * n_values_; }
  Eigen::Index n_cells() const { return static_cast<Eigen::Index>(s_.n_slots * s_.n_items); }

  AbstractedSlates s_;
  Eigen::Index n_values_;
  Eigen::VectorXd parameters_;
};

}  // namespace rehearsal
