#include "sim/slate/beta_posteriors.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/quadrature.h"
#include "sim/slate/choices.h"

namespace rehearsal {

namespace {

constexpr double kSmallest = 0.1;  // below, draws crowd at 0 and 1 closer than doubles can tell
constexpr double kLargest = 1e9;
constexpr std::size_t kGroupGrid = 64;          // ids up to which a group has one grid
constexpr std::size_t kMostBytes = 256u << 20;  // kept at most; more is computed anew

std::vector<double> compute_prefixes(const BetaGrid& grid, std::span<const std::size_t> columns,
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

std::vector<double> compute_marginals(const BetaGrid& grid, std::span<const std::size_t> columns,
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

/// Sums over all slates, depth first.
class PairSum {
 public:
  PairSum(const BetaGrid& grid, std::span<const std::size_t> columns, std::size_t n_positions)
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

  const BetaGrid& grid_;
  std::span<const std::size_t> columns_;
  std::vector<char> used_;
  std::size_t n_positions_;
  std::vector<Eigen::ArrayXd> ratio_;  // density / cdf
  std::vector<std::uint16_t> prefix_;
  RowMatrix sum_;
};

}  // namespace

BetaPosteriors::BetaPosteriors(std::vector<std::vector<Beta>> posteriors)
    : posteriors_(std::move(posteriors)), grids_(posteriors_.size()) {
  REHEARSAL_CHECK(!posteriors_.empty());
  const auto allowed = [](double value) { return value >= kSmallest && value <= kLargest; };
  for (const std::vector<Beta>& group : posteriors_) {
    REHEARSAL_CHECK(group.size() == posteriors_[0].size());
    for (const Beta& beta : group)
      if (!allowed(beta.a) || !allowed(beta.b))
        throw Error(ErrorKind::kRuntime, "a posterior is Beta(" + std::to_string(beta.a) + ", " +
                                             std::to_string(beta.b) +
                                             "); both parameters must lie in [0.1, 1e9]");
  }
}

std::shared_ptr<const BetaGrid> BetaPosteriors::grid(std::uint32_t group,
                                                     std::span<const std::uint16_t> ids,
                                                     std::vector<std::size_t>& columns) const {
  columns.assign(ids.begin(), ids.end());
  if (n_ids() > kGroupGrid) {
    std::vector<Beta> betas;
    for (const std::uint16_t id : ids) betas.push_back(at(group, id));
    std::iota(columns.begin(), columns.end(), std::size_t{0});
    return std::make_shared<const BetaGrid>(betas);
  }
  {
    const std::shared_lock lock(mutex_);
    if (grids_[group] != nullptr) return grids_[group];
  }
  auto made = std::make_shared<const BetaGrid>(posteriors_[group]);
  const std::unique_lock lock(mutex_);
  if (grids_[group] != nullptr || bytes_ + made->bytes() > kMostBytes) return made;
  bytes_ += made->bytes();
  return grids_[group] = std::move(made);
}

template <class Compute>
BetaPosteriors::Numbers BetaPosteriors::remember(Kind kind, std::uint32_t group,
                                                 std::span<const std::uint16_t> ids,
                                                 std::span<const std::uint16_t> rest,
                                                 Compute&& compute) const {
  thread_local std::u16string key;
  key.clear();
  key.push_back(static_cast<char16_t>(kind));
  key.push_back(static_cast<char16_t>(group & 0xffff));
  key.push_back(static_cast<char16_t>(group >> 16));
  key.push_back(static_cast<char16_t>(ids.size()));
  key.append(ids.begin(), ids.end());
  key.append(rest.begin(), rest.end());
  {
    const std::shared_lock lock(mutex_);
    const auto found = numbers_.find(key);
    if (found != numbers_.end()) return found->second;
  }
  const auto made = std::make_shared<const std::vector<double>>(compute());
  const std::size_t bytes = 128 + 2 * key.size() + sizeof(double) * made->size();
  const std::unique_lock lock(mutex_);
  if (bytes_ + bytes <= kMostBytes && numbers_.emplace(key, made).second) bytes_ += bytes;
  return made;
}

BetaPosteriors::Numbers BetaPosteriors::prefixes(std::uint32_t group,
                                                 std::span<const std::uint16_t> ids,
                                                 std::span<const std::uint16_t> slate) const {
  return remember(Kind::kPrefixes, group, ids, slate, [&] {
    std::vector<std::size_t> columns;
    const std::shared_ptr<const BetaGrid> of_group = grid(group, ids, columns);
    return compute_prefixes(*of_group, columns, slate);
  });
}

BetaPosteriors::Numbers BetaPosteriors::marginals(std::uint32_t group,
                                                  std::span<const std::uint16_t> ids,
                                                  std::size_t n_positions) const {
  const std::uint16_t l = static_cast<std::uint16_t>(n_positions);
  return remember(Kind::kMarginals, group, ids, {&l, 1}, [&] {
    std::vector<std::size_t> columns;
    const std::shared_ptr<const BetaGrid> of_group = grid(group, ids, columns);
    return compute_marginals(*of_group, columns, n_positions);
  });
}

BetaPosteriors::Numbers BetaPosteriors::pairs(std::uint32_t group,
                                              std::span<const std::uint16_t> ids,
                                              std::size_t n_positions) const {
  const std::uint16_t l = static_cast<std::uint16_t>(n_positions);
  return remember(Kind::kPairs, group, ids, {&l, 1}, [&] {
    std::vector<std::size_t> columns;
    const std::shared_ptr<const BetaGrid> of_group = grid(group, ids, columns);
    return PairSum(*of_group, columns, n_positions).take();
  });
}

std::shared_ptr<const BetaPosteriors> make_beta_posteriors(
    std::vector<std::vector<Beta>> posteriors) {
  return std::make_shared<const BetaPosteriors>(std::move(posteriors));
}

}  // namespace rehearsal
