#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// One position's log, for choosing what influences its reward: candidate influence sets from the
/// largest, which is taken as unbiased, to the smallest, each with its importance weights.
struct InfluenceProblem {
  RowMatrix features;              // (rounds, d) of the context
  RowMatrix weights;               // (rounds, candidates)
  std::span<const double> reward;  // (rounds)
};

struct InfluenceOptions {
  std::size_t depth = 5;
  std::size_t least_rounds = 100;  // of a segment
  std::size_t n_splits = 10;       // random splits tried a segment
  double delta = 0.1;              // one-sided error of each interval that candidates are tested by
};

/// Adaptive IPS without an oracle: which influence set serves which users (Kiyohara et al., KDD
/// 2023, whose code compares with the true value; here a smaller set is taken only while it agrees
/// with all larger ones, as SLOPE++ has it, Su et al., ICML 2020). Segments are the leaves of a
/// tree whose splits lower the estimated squared error.
class InfluenceTree {
 public:
  /// Args: stream: draws the splits that are tried.
  /// Raises: Error(kInput) for fewer rounds than a segment needs, or columns of other sizes.
  InfluenceTree(const InfluenceProblem& problem, const InfluenceOptions& options, Stream& stream);

  /// The candidate for a context. Args: features: (d).
  std::size_t choose(std::span<const double> features) const;
  std::size_t n_segments() const;
  /// Weights of the chosen candidates, (rounds).
  std::vector<double> weights(const InfluenceProblem& problem) const;

 private:
  struct Node {
    Eigen::Index feature = -1;  // -1: a segment
    double threshold = 0;       // below it: left
    std::size_t left = 0, right = 0;
    std::size_t candidate = 0;  // of a segment
  };
  class Grower;
  std::size_t leaf_of(const double* features) const;

  std::vector<Node> nodes_;
};

}  // namespace rehearsal
