#include "scenarios/literature/regression_tree.h"

#include <algorithm>
#include <numeric>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct SplitSums {
  double weight = 0, target = 0;

  void add(const RegressionRows& rows, std::uint32_t row, double sign = 1) {
    weight += sign * rows.weight[row];
    target += sign * rows.weight[row] * rows.target[row];
  }
  /// What a mean of its own takes off the sum of squares.
  double gain() const { return weight > 0 ? target * target / weight : 0; }
};

struct Split {
  double gain = 0;
  std::size_t feature = 0;
  double threshold = 0;
};

double at(const RegressionRows& rows, std::uint32_t row, std::size_t feature) {
  return rows.features[row * rows.n_features + feature];
}

Split best_split(const RegressionRows& rows, const std::vector<std::uint32_t>& members) {
  SplitSums all;
  for (const std::uint32_t row : members) all.add(rows, row);
  const double least = all.gain() * (1 + 1e-12);  // less is rounding
  Split best;
  std::vector<std::pair<double, std::uint32_t>> sorted(members.size());
  for (std::size_t f = 0; f < rows.n_features; ++f) {
    for (std::size_t i = 0; i < members.size(); ++i)
      sorted[i] = {at(rows, members[i], f), members[i]};
    std::sort(sorted.begin(), sorted.end());
    SplitSums left, right = all;
    for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
      left.add(rows, sorted[i].second);
      right.add(rows, sorted[i].second, -1);
      if (sorted[i].first == sorted[i + 1].first || left.weight <= 0) continue;
      const double gain = left.gain() + right.gain();
      if (gain > std::max(least, best.gain))
        best = {gain, f, 0.5 * (sorted[i].first + sorted[i + 1].first)};
    }
  }
  return best;
}

}  // namespace

RegressionTree::RegressionTree(const RegressionRows& rows, std::size_t depth) {
  std::vector<std::uint32_t> members;
  for (std::uint32_t row = 0; row < rows.size(); ++row)
    if (rows.weight[row] > 0) members.push_back(row);
  REHEARSAL_CHECK(!members.empty());
  grow(rows, members, depth);
}

std::size_t RegressionTree::grow(const RegressionRows& rows, std::vector<std::uint32_t>& members,
                                 std::size_t depth) {
  const std::size_t index = nodes_.size();
  nodes_.emplace_back();
  SplitSums sums;
  for (const std::uint32_t row : members) sums.add(rows, row);
  nodes_[index].value = sums.target / sums.weight;
  if (depth == 0) return index;
  const Split split = best_split(rows, members);
  if (split.gain == 0) return index;
  std::vector<std::uint32_t> left, right;
  for (const std::uint32_t row : members)
    (at(rows, row, split.feature) <= split.threshold ? left : right).push_back(row);
  nodes_[index].feature = split.feature;
  nodes_[index].threshold = split.threshold;
  const std::size_t left_index = grow(rows, left, depth - 1);
  nodes_[index].left = left_index;
  const std::size_t right_index = grow(rows, right, depth - 1);
  nodes_[index].right = right_index;
  return index;
}

double RegressionTree::predict(std::span<const double> features) const {
  std::size_t node = 0;
  while (nodes_[node].left != 0)
    node = features[nodes_[node].feature] <= nodes_[node].threshold ? nodes_[node].left
                                                                    : nodes_[node].right;
  return nodes_[node].value;
}

std::size_t RegressionTree::n_leaves() const {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.left == 0; }));
}

}  // namespace rehearsal
