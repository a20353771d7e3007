#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// Pair marginals of Plackett-Luce where few weights differ (Swaminathan et al., NIPS 2017): what
/// a slate has used is then a count of each weight, and all that counts is summed down the slate.
class WeightTypes {
 public:
  /// Args: log_weights: of the choices.  n_positions: of the slate, at most as many.
  WeightTypes(std::span<const double> log_weights, std::size_t n_positions);

  /// How many weights differ.
  std::size_t size() const { return weight_.size(); }
  /// Additions that pair_marginals() takes, roughly.
  double work() const;
  /// P(a at j and b at k), as SlateDistribution::pair_marginals. Args: out: all zero.
  void pair_marginals(Eigen::Ref<RowMatrix> out) const;

 private:
  /// What slates may have used after so many draws: counts by type, and where a draw leads.
  struct Level {
    std::vector<std::uint16_t> used;  // (states, types)
    std::vector<double> p;            // (states, types) of a draw of the type
    std::vector<std::uint32_t> next;  // (states, types) state of the next level
    std::size_t size(std::size_t n_types) const { return used.size() / n_types; }
  };
  std::vector<Level> levels() const;
  void add_pair(std::size_t j, std::size_t t, std::size_t k, std::size_t u, double joint,
                Eigen::Ref<RowMatrix> out) const;

  std::size_t n_positions_, n_choices_;
  std::vector<double> weight_;                       // (types)
  std::vector<std::vector<std::uint16_t>> members_;  // choices of each type
};

}  // namespace rehearsal
