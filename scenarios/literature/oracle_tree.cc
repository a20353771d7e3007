#include "scenarios/literature/oracle_tree.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/core/draws.h"

namespace rehearsal {

namespace {

constexpr double kNoise = 0.3;  // of a candidate's bias

using Members = std::vector<std::uint32_t>;

/// Sums of weighted rewards and of their squares.
struct NodeSums {
  double sum = 0, square = 0;

  void add(double term) {
    sum += term;
    square += term * term;
  }
  NodeSums& operator+=(const NodeSums& other) {
    sum += other.sum;
    square += other.square;
    return *this;
  }
};

double term(const InfluenceProblem& log, std::uint32_t i, Eigen::Index candidate) {
  return log.weights(i, candidate) * log.reward[i];
}

NodeSums sums_of(const InfluenceProblem& log, const Members& rows, Eigen::Index candidate) {
  NodeSums out;
  for (const std::uint32_t i : rows) out.add(term(log, i, candidate));
  return out;
}

class Grower {
 public:
  Grower(const InfluenceProblem& log, std::span<const InfluenceProblem> anew, double value,
         const InfluenceOptions& options, Stream& stream)
      : value_(value), options_(options), stream_(stream) {
    logs_.push_back(&log);
    for (const InfluenceProblem& each : anew) logs_.push_back(&each);
  }

  double estimate() {
    Node root;
    for (const InfluenceProblem* log : logs_) {
      root.rows.emplace_back(log->reward.size());
      for (std::uint32_t i = 0; i < root.rows.back().size(); ++i) root.rows.back()[i] = i;
    }
    total_.resize(logs_.size());
    std::vector<Choice> choices;
    for (Eigen::Index c = 0; c < n_candidates(); ++c) {
      std::vector<NodeSums> sums;
      for (std::size_t j = 0; j < logs_.size(); ++j)
        sums.push_back(sums_of(*logs_[j], root.rows[j], c));
      choices.push_back({squared_error(sums), c});
      least_variance_ = variance(sums[0]);
    }
    root.candidate = std::min_element(choices.begin(), choices.end())->candidate;
    for (std::size_t j = 0; j < logs_.size(); ++j)
      total_[j] = sums_of(*logs_[j], root.rows[j], root.candidate);
    grow(root);
    return total_[0].sum / n();
  }

 private:
  /// Rows of each log, the one that is estimated first.
  struct Node {
    std::vector<Members> rows;
    Eigen::Index candidate = 0;
    std::size_t depth = 0;
  };
  struct Choice {
    double error = 0;
    Eigen::Index candidate = 0;
    bool operator<(const Choice& other) const { return error < other.error; }
  };

  Eigen::Index n_candidates() const { return logs_[0]->weights.cols(); }
  double n() const { return static_cast<double>(logs_[0]->reward.size()); }

  double variance(const NodeSums& sums) const {
    return (sums.square - sums.sum * sums.sum / n()) / (n() - 1) / n();
  }

  /// Of an estimate by its sums in each log.
  double squared_error(std::span<const NodeSums> sums) {
    double mean = 0;
    for (const NodeSums& each : sums.subspan(1)) mean += each.sum;
    const double bias = mean / (n() * static_cast<double>(sums.size() - 1)) - value_;
    const double noised = bias + kNoise * std::abs(bias) * normal_from(stream_());
    return noised * noised + std::max(variance(sums[0]), least_variance_);
  }

  void grow(const Node& root) {
    std::vector<Node> open{root};
    while (!open.empty()) {
      const Node node = std::move(open.back());
      open.pop_back();
      if (node.rows[0].size() < 2 * options_.least_rounds || node.depth == options_.depth) continue;
      double best = squared_error(total_);
      std::vector<Node> halves;
      std::vector<NodeSums> totals;
      for (std::size_t split = 0; split < options_.n_splits; ++split)
        try_split(node, best, halves, totals);
      if (halves.empty()) continue;
      total_ = totals;
      for (Node& half : halves) open.push_back(std::move(half));
    }
  }

  /// Takes the split and its two candidates where they beat the best so far.
  void try_split(const Node& node, double& best, std::vector<Node>& halves,
                 std::vector<NodeSums>& totals) {
    const InfluenceProblem& log = *logs_[0];
    const auto feature = static_cast<Eigen::Index>(
        index_below(stream_(), static_cast<std::uint64_t>(log.features.cols())));
    Members sorted = node.rows[0];
    std::sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
      return log.features(a, feature) < log.features(b, feature);
    });
    const double size = static_cast<double>(sorted.size());
    const double least = static_cast<double>(options_.least_rounds) / size;
    const auto at = std::clamp<std::size_t>(
        static_cast<std::size_t>((least + (1 - 2 * least) * stream_.uniform()) * size), 1,
        sorted.size() - 1);
    const double threshold =
        (log.features(sorted[at - 1], feature) + log.features(sorted[at], feature)) / 2;
    Node sides[2];
    std::vector<std::vector<NodeSums>> sums[2];  // [side][log][candidate]
    std::vector<NodeSums> others = total_;       // outside the node
    for (Node& side : sides) {
      side.depth = node.depth + 1;
      side.rows.resize(logs_.size());
    }
    for (std::size_t j = 0; j < logs_.size(); ++j) {
      for (const std::uint32_t i : node.rows[j])
        sides[logs_[j]->features(i, feature) < threshold ? 0 : 1].rows[j].push_back(i);
      const NodeSums own = sums_of(*logs_[j], node.rows[j], node.candidate);
      others[j].sum -= own.sum;
      others[j].square -= own.square;
      for (int side = 0; side < 2; ++side) {
        sums[side].emplace_back();
        for (Eigen::Index c = 0; c < n_candidates(); ++c)
          sums[side].back().push_back(sums_of(*logs_[j], sides[side].rows[j], c));
      }
    }
    for (Eigen::Index a = 0; a < n_candidates(); ++a)
      for (Eigen::Index b = 0; b < n_candidates(); ++b) {
        std::vector<NodeSums> with = others;
        for (std::size_t j = 0; j < logs_.size(); ++j) {
          with[j] += sums[0][j][static_cast<std::size_t>(a)];
          with[j] += sums[1][j][static_cast<std::size_t>(b)];
        }
        const double error = squared_error(with);
        if (!(error <= best)) continue;
        best = error;
        sides[0].candidate = a;
        sides[1].candidate = b;
        halves = {sides[0], sides[1]};
        totals = std::move(with);
      }
  }

  std::vector<const InfluenceProblem*> logs_;
  double value_;
  InfluenceOptions options_;
  Stream& stream_;
  std::vector<NodeSums> total_;  // of each log, by the candidates chosen so far
  double least_variance_ = 0;
};

}  // namespace

double oracle_tree_estimate(const InfluenceProblem& log, std::span<const InfluenceProblem> anew,
                            double value, const InfluenceOptions& options, Stream& stream) {
  return Grower(log, anew, value, options, stream).estimate();
}

}  // namespace rehearsal
