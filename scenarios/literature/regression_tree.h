#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rehearsal {

/// Rows of numbers with what is to be predicted, borrowed.
struct RegressionRows {
  std::size_t n_features = 0;
  std::span<const double> features;  // (n_rows, n_features)
  std::span<const double> target;    // (n_rows)
  std::span<const double> weight;    // (n_rows), at least 0

  std::size_t size() const { return target.size(); }
};

/// A regression tree (Breiman et al., 1984): splits by least weighted squared error, each halfway
/// between two values that stand next to each other, down to a depth. Equal splits: the feature
/// that stands first.
class RegressionTree {
 public:
  /// Args: rows: at least one of weight above 0.
  RegressionTree(const RegressionRows& rows, std::size_t depth);
  /// Args: features: (n_features).
  double predict(std::span<const double> features) const;
  std::size_t n_leaves() const;

 private:
  struct Node {
    std::size_t feature = 0;
    double threshold = 0;             // at most: left
    std::size_t left = 0, right = 0;  // 0: a leaf
    double value = 0;
  };
  std::size_t grow(const RegressionRows& rows, std::vector<std::uint32_t>& members,
                   std::size_t depth);

  std::vector<Node> nodes_;
};

}  // namespace rehearsal
