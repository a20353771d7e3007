#include "sim/slate/draw_order.h"

#include <algorithm>

#include "sim/core/quadrature.h"
#include "sim/slate/choices.h"

namespace rehearsal {

namespace {

/// Sums over all slates, depth first.
class PairSum {
 public:
  PairSum(const DrawGrid& grid, std::span<const std::size_t> columns, std::size_t n_positions)
      : grid_(grid),
        columns_(columns),
        used_(columns.size(), 0),
        n_positions_(n_positions),
        sum_(RowMatrix::Zero(static_cast<Eigen::Index>(n_positions * columns.size()),
                             static_cast<Eigen::Index>(n_positions * columns.size()))) {
    for (const std::size_t column : columns)
      ratio_.push_back((grid.cdf(column) > 0).select(grid.density(column) / grid.cdf(column), 0.0));
    add_longer(Eigen::ArrayXd::Ones(grid.n_nodes()));
  }

  std::vector<double> take() const { return {sum_.data(), sum_.data() + sum_.size()}; }

 private:
  /// Args: higher: probability that the prefix's draws descend and all lie above each node.
  void add_longer(const Eigen::ArrayXd& higher) {
    if (prefix_.size() == n_positions_) return;
    Eigen::ArrayXd common = higher * grid_.weight();
    for (std::size_t c = 0; c < used_.size(); ++c)
      if (!used_[c]) common *= grid_.cdf(columns_[c]);
    for (std::size_t c = 0; c < used_.size(); ++c) {
      if (used_[c]) continue;
      prefix_.push_back(static_cast<std::uint16_t>(c));
      add_pairs(prefix_, (common * ratio_[c]).sum(), used_.size(), sum_);
      used_[c] = 1;
      if (prefix_.size() < n_positions_)
        add_longer(grid_.above(higher * grid_.density(columns_[c])).max(0.0));
      used_[c] = 0;
      prefix_.pop_back();
    }
  }

  const DrawGrid& grid_;
  std::span<const std::size_t> columns_;
  std::vector<char> used_;
  std::size_t n_positions_;
  std::vector<Eigen::ArrayXd> ratio_;  // density / cdf
  std::vector<std::uint16_t> prefix_;
  RowMatrix sum_;
};

}  // namespace

std::vector<double> draw_prefixes(const DrawGrid& grid, std::span<const std::size_t> columns,
                                  std::span<const std::uint16_t> slate) {
  // rest[k]: every choice that is not among the first k + 1 lies below.
  std::vector<Eigen::ArrayXd> rest(slate.size());
  Eigen::ArrayXd product = grid.weight();
  for (std::size_t c = 0; c < columns.size(); ++c)
    if (std::find(slate.begin(), slate.end(), c) == slate.end()) product *= grid.cdf(columns[c]);
  for (std::size_t k = slate.size(); k-- > 0;) {
    rest[k] = product;
    product *= grid.cdf(columns[slate[k]]);
  }
  // lowest: density of the k-th draw, the earlier ones in descending order above it.
  std::vector<double> out(slate.size());
  Eigen::ArrayXd lowest = grid.density(columns[slate[0]]);
  for (std::size_t k = 0; k < slate.size(); ++k) {
    if (k > 0) lowest = grid.above(lowest).max(0.0) * grid.density(columns[slate[k]]);
    out[k] = std::min((lowest * rest[k]).sum(), 1.0);
  }
  return out;
}

std::vector<double> draw_marginals(const DrawGrid& grid, std::span<const std::size_t> columns,
                                   std::size_t n_positions) {
  const std::size_t m = columns.size();
  std::vector<double> out(n_positions * m, 0.0);
  std::vector<double> higher(m);
  std::vector<double> pmf(m + 1);
  std::vector<double> others(m);
  for (Eigen::Index q = 0; q < grid.n_nodes(); ++q) {
    for (std::size_t c = 0; c < m; ++c) higher[c] = 1 - grid.cdf(columns[c])[q];
    poisson_binomial(higher, pmf);
    for (std::size_t c = 0; c < m; ++c) {
      const double mass = grid.weight()[q] * grid.density(columns[c])[q];
      if (mass < 1e-30) continue;
      poisson_binomial_without(pmf, higher[c], others);
      for (std::size_t k = 0; k < n_positions; ++k) out[k * m + c] += mass * others[k];
    }
  }
  return out;
}

std::vector<double> draw_pairs(const DrawGrid& grid, std::span<const std::size_t> columns,
                               std::size_t n_positions) {
  return PairSum(grid, columns, n_positions).take();
}

}  // namespace rehearsal
