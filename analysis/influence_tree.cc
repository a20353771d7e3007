#include "analysis/influence_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/intervals.h"
#include "analysis/selection.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

using Rows = std::vector<std::uint32_t>;

/// What a segment's best candidate costs.
struct BestCandidate {
  std::size_t candidate = 0;
  double bias = 0;      // of the mean, as far as it exceeds its noise; with its sign
  double variance = 0;  // of the mean
};

}  // namespace

class InfluenceTree::Grower {
 public:
  Grower(const InfluenceProblem& problem, const InfluenceOptions& options, Stream& stream,
         std::vector<Node>& nodes)
      : problem_(problem), options_(options), stream_(stream), nodes_(nodes) {}

  std::size_t grow(const Rows& rows, std::size_t depth) {
    const std::size_t self = nodes_.size();
    nodes_.emplace_back();
    const BestCandidate whole = choose(rows);
    nodes_[self].candidate = whole.candidate;
    Split best;
    best.error = squared_error({whole}, {1.0});
    for (std::size_t s = 0; depth < options_.depth && s < options_.n_splits; ++s)
      try_split(rows, best);
    if (best.left.empty()) return self;
    nodes_[self].feature = best.feature;
    nodes_[self].threshold = best.threshold;
    const std::size_t left = grow(best.left, depth + 1), right = grow(best.right, depth + 1);
    nodes_[self].left = left;
    nodes_[self].right = right;
    return self;
  }

 private:
  struct Split {
    double error = 0;
    Eigen::Index feature = -1;
    double threshold = 0;
    Rows left, right;
  };

  /// The smallest set that no larger one contradicts.
  BestCandidate choose(const Rows& rows) const {
    const auto n = static_cast<double>(rows.size());
    const std::vector<double> first = terms(rows, 0);
    std::vector<double> theta, cnf, variance;
    for (Eigen::Index c = 0; c < problem_.weights.cols(); ++c) {
      const std::vector<double> own = terms(rows, c);
      const Moments moments = moments_of(own);
      theta.push_back(moments.mean);
      cnf.push_back(slope_half_width(own, options_.delta));
      variance.push_back(moments.variance / n);
    }
    const std::size_t last = slope_plus_plus_in_order(theta, cnf);
    std::vector<double> gap = terms(rows, static_cast<Eigen::Index>(last));
    for (std::size_t i = 0; i < gap.size(); ++i) gap[i] -= first[i];
    const Moments bias = moments_of(gap);
    const double excess = std::sqrt(std::max(0.0, bias.mean * bias.mean - bias.variance / n));
    return {last, std::copysign(excess, bias.mean), variance[last]};
  }

  std::vector<double> terms(const Rows& rows, Eigen::Index candidate) const {
    std::vector<double> out;
    out.reserve(rows.size());
    for (const std::uint32_t i : rows)
      out.push_back(problem_.weights(i, candidate) * problem_.reward[i]);
    return out;
  }

  static double squared_error(const std::vector<BestCandidate>& parts,
                              const std::vector<double>& shares) {
    double bias = 0, variance = 0;
    for (std::size_t p = 0; p < parts.size(); ++p) {
      bias += shares[p] * parts[p].bias;
      variance += shares[p] * shares[p] * parts[p].variance;
    }
    return bias * bias + variance;
  }

  /// Between the values of two rounds drawn at random.
  void try_split(const Rows& rows, Split& best) {
    const auto draw = [&](std::size_t n) {
      return static_cast<std::size_t>(stream_.uniform() * static_cast<double>(n));
    };
    const auto feature =
        static_cast<Eigen::Index>(draw(static_cast<std::size_t>(problem_.features.cols())));
    const double threshold = (problem_.features(rows[draw(rows.size())], feature) +
                              problem_.features(rows[draw(rows.size())], feature)) /
                             2;
    Split split{0, feature, threshold, {}, {}};
    for (const std::uint32_t i : rows)
      (problem_.features(i, feature) < threshold ? split.left : split.right).push_back(i);
    if (std::min(split.left.size(), split.right.size()) < options_.least_rounds) return;
    const double share = static_cast<double>(split.left.size()) / static_cast<double>(rows.size());
    split.error = squared_error({choose(split.left), choose(split.right)}, {share, 1 - share});
    if (split.error < best.error) best = std::move(split);
  }

  const InfluenceProblem& problem_;
  const InfluenceOptions& options_;
  Stream& stream_;
  std::vector<Node>& nodes_;
};

InfluenceTree::InfluenceTree(const InfluenceProblem& problem, const InfluenceOptions& options,
                             Stream& stream) {
  const std::size_t n = problem.reward.size();
  if (static_cast<std::size_t>(problem.features.rows()) != n ||
      static_cast<std::size_t>(problem.weights.rows()) != n || problem.features.cols() == 0 ||
      problem.weights.cols() == 0)
    throw Error(ErrorKind::kInput,
                fmt::format("influence sets: features ({}, {}), weights ({}, {}) and {} rewards; "
                            "expected a row of at least one column a reward",
                            problem.features.rows(), problem.features.cols(),
                            problem.weights.rows(), problem.weights.cols(), n));
  if (options.least_rounds < 2 || n < options.least_rounds)
    throw Error(ErrorKind::kInput,
                fmt::format("influence sets: {} rounds; expected at least {}, and 2", n,
                            options.least_rounds));
  Rows rows(n);
  for (std::size_t i = 0; i < n; ++i) rows[i] = static_cast<std::uint32_t>(i);
  Grower(problem, options, stream, nodes_).grow(rows, 0);
}

std::size_t InfluenceTree::leaf_of(const double* features) const {
  std::size_t at = 0;
  while (nodes_[at].feature >= 0)
    at = features[nodes_[at].feature] < nodes_[at].threshold ? nodes_[at].left : nodes_[at].right;
  return at;
}

std::size_t InfluenceTree::choose(std::span<const double> features) const {
  return nodes_[leaf_of(features.data())].candidate;
}

std::size_t InfluenceTree::n_segments() const {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const Node& n) { return n.feature < 0; }));
}

std::vector<double> InfluenceTree::weights(const InfluenceProblem& problem) const {
  std::vector<double> out(problem.reward.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto row = static_cast<Eigen::Index>(i);
    const std::size_t leaf = leaf_of(problem.features.row(row).data());
    out[i] = problem.weights(row, static_cast<Eigen::Index>(nodes_[leaf].candidate));
  }
  return out;
}

}  // namespace rehearsal
