#include "sim/slate/beta_posteriors.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "sim/core/error.h"
#include "sim/slate/draw_order.h"

namespace rehearsal {

namespace {

constexpr double kSmallest = 0.1;  // below, draws crowd at 0 and 1 closer than doubles can tell
constexpr double kLargest = 1e9;
constexpr std::size_t kGroupGrid = 64;          // ids up to which a group has one grid
constexpr std::size_t kMostBytes = 256u << 20;  // kept at most; more is computed anew

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

std::shared_ptr<const DrawGrid> BetaPosteriors::grid(std::uint32_t group,
                                                     std::span<const std::uint16_t> ids,
                                                     std::vector<std::size_t>& columns) const {
  columns.assign(ids.begin(), ids.end());
  if (n_ids() > kGroupGrid) {
    std::vector<Beta> betas;
    for (const std::uint16_t id : ids) betas.push_back(at(group, id));
    std::iota(columns.begin(), columns.end(), std::size_t{0});
    return std::make_shared<const DrawGrid>(beta_grid(betas));
  }
  {
    const std::shared_lock lock(mutex_);
    if (grids_[group] != nullptr) return grids_[group];
  }
  auto made = std::make_shared<const DrawGrid>(beta_grid(posteriors_[group]));
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
    const std::shared_ptr<const DrawGrid> of_group = grid(group, ids, columns);
    return draw_prefixes(*of_group, columns, slate);
  });
}

BetaPosteriors::Numbers BetaPosteriors::marginals(std::uint32_t group,
                                                  std::span<const std::uint16_t> ids,
                                                  std::size_t n_positions) const {
  const std::uint16_t l = static_cast<std::uint16_t>(n_positions);
  return remember(Kind::kMarginals, group, ids, {&l, 1}, [&] {
    std::vector<std::size_t> columns;
    const std::shared_ptr<const DrawGrid> of_group = grid(group, ids, columns);
    return draw_marginals(*of_group, columns, n_positions);
  });
}

BetaPosteriors::Numbers BetaPosteriors::pairs(std::uint32_t group,
                                              std::span<const std::uint16_t> ids,
                                              std::size_t n_positions) const {
  const std::uint16_t l = static_cast<std::uint16_t>(n_positions);
  return remember(Kind::kPairs, group, ids, {&l, 1}, [&] {
    std::vector<std::size_t> columns;
    const std::shared_ptr<const DrawGrid> of_group = grid(group, ids, columns);
    return draw_pairs(*of_group, columns, n_positions);
  });
}

std::shared_ptr<const BetaPosteriors> make_beta_posteriors(
    std::vector<std::vector<Beta>> posteriors) {
  return std::make_shared<const BetaPosteriors>(std::move(posteriors));
}

}  // namespace rehearsal
