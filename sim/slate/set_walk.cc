#include "sim/slate/set_walk.h"

#include <algorithm>
#include <unordered_map>

#include "sim/core/error.h"
#include "sim/slate/choices.h"

namespace rehearsal {

namespace {

constexpr std::size_t kSetBlock = 4096;  // sets asked for at once

}  // namespace

SetWalk::SetWalk(const std::vector<std::uint16_t>& kind, std::size_t n_positions, Step step)
    : n_positions_(n_positions), n_choices_(kind.size()), step_(std::move(step)) {
  REHEARSAL_CHECK(n_positions <= n_choices_);
  for (std::size_t c = 0; c < n_choices_; ++c) {
    if (kind[c] >= members_.size()) members_.resize(kind[c] + std::size_t{1});
    members_[kind[c]].push_back(static_cast<std::uint16_t>(c));
  }
}

/// How many sets there are after each number of positions: one factor 1 + x + ... a kind.
std::vector<double> SetWalk::sets() const {
  std::vector<double> sets(n_positions_ + 1, 0.0);
  sets[0] = 1;
  for (const auto& members : members_) {
    std::vector<double> longer(sets.size(), 0.0);
    for (std::size_t k = 0; k < sets.size(); ++k)
      for (std::size_t more = 0; more <= members.size() && k + more < sets.size(); ++more)
        longer[k + more] += sets[k];
    sets = std::move(longer);
  }
  return sets;
}

double SetWalk::steps() const {
  const std::vector<double> of = sets();
  double sum = 0;
  for (std::size_t k = 0; k < n_positions_; ++k) sum += of[k] * static_cast<double>(n_kinds());
  return sum;
}

double SetWalk::pair_steps() const {
  const std::vector<double> of = sets();
  const auto kinds = static_cast<double>(n_kinds());
  double sum = 0;
  for (std::size_t k = 0; k < n_positions_; ++k)
    sum += of[k] * kinds * (1 + static_cast<double>(k) * kinds);
  return sum;
}

SetWalk::Level SetWalk::first_level() const {
  Level level;
  level.n = 1;
  level.used.assign(n_kinds(), 0);
  level.mark = {0};
  return level;
}

/// Of each kind the first choices stand for all that may be placed.
void SetWalk::find_steps(std::size_t length, Level& level) const {
  for (std::size_t first = 0; first < level.n; first += kSetBlock) {
    const std::size_t n = std::min(kSetBlock, level.n - first);
    Prefixes placed{n, length, {}};
    for (std::size_t s = first; s < first + n; ++s)
      for (std::size_t t = 0; t < n_kinds(); ++t)
        placed.choice.insert(placed.choice.end(), members_[t].begin(),
                             members_[t].begin() + level.used[s * n_kinds() + t]);
    RowMatrix p(n, n_choices_);
    step_(placed, p);
    for (std::size_t s = 0; s < n; ++s)
      for (std::size_t t = 0; t < n_kinds(); ++t) {
        const std::size_t used = level.used[(first + s) * n_kinds() + t];
        const std::size_t left = members_[t].size() - used;
        level.p.push_back(left == 0 ? 0
                                    : static_cast<double>(left) *
                                          p(static_cast<Eigen::Index>(s), members_[t][used]));
      }
  }
}

/// Finds where the steps lead: equal sets are one.
SetWalk::Level SetWalk::next_level(Level& level) const {
  Level next;
  std::vector<std::uint16_t> used(n_kinds());
  std::unordered_map<std::uint64_t, std::uint32_t> found;
  const auto index_of = [&](std::uint64_t mark) {
    for (std::uint64_t key = mark;; ++key) {  // until no other set has it
      const auto [at, is_new] = found.try_emplace(key, static_cast<std::uint32_t>(next.n));
      const auto held = next.used.begin() + static_cast<std::ptrdiff_t>(at->second * n_kinds());
      if (!is_new && !std::equal(used.begin(), used.end(), held)) continue;
      if (is_new) {
        next.used.insert(next.used.end(), used.begin(), used.end());
        next.mark.push_back(mark);
        ++next.n;
      }
      return at->second;
    }
  };
  level.next.assign(level.p.size(), 0);
  for (std::size_t s = 0; s < level.n; ++s) {
    std::copy_n(level.used.data() + s * n_kinds(), n_kinds(), used.data());
    for (std::size_t t = 0; t < n_kinds(); ++t) {
      if (level.p[s * n_kinds() + t] == 0) continue;
      ++used[t];
      // A sum over what is placed: no order counts.
      level.next[s * n_kinds() + t] = index_of(level.mark[s] + mix_pattern(1, t));
      --used[t];
    }
  }
  return next;
}

std::vector<double> SetWalk::moved(const Level& level, std::span<const double> mass,
                                   std::size_t n_next, std::size_t first, std::size_t last) const {
  std::vector<double> next(n_next, 0.0);
  for (std::size_t s = 0; s < mass.size(); ++s) {
    if (mass[s] == 0) continue;
    for (std::size_t t = first; t < last; ++t)
      next[level.next[s * n_kinds() + t]] += mass[s] * level.p[s * n_kinds() + t];
  }
  return next;
}

void SetWalk::marginals(Eigen::Ref<RowMatrix> out) const {
  Level level = first_level();
  std::vector<double> mass{1};
  for (std::size_t k = 0; k < n_positions_; ++k) {
    find_steps(k, level);
    for (std::size_t t = 0; t < n_kinds(); ++t) {
      double sum = 0;
      for (std::size_t s = 0; s < level.n; ++s) sum += mass[s] * level.p[s * n_kinds() + t];
      for (const std::uint16_t choice : members_[t])
        out(static_cast<Eigen::Index>(k), choice) = sum / static_cast<double>(members_[t].size());
    }
    if (k + 1 == n_positions_) return;
    Level next = next_level(level);
    mass = moved(level, mass, next.n, 0, n_kinds());
    level = std::move(next);
  }
}

void SetWalk::add_pair(std::size_t j, std::size_t t, std::size_t k, std::size_t u, double joint,
                       Eigen::Ref<RowMatrix> out) const {
  const auto n_t = static_cast<double>(members_[t].size());
  const double each = joint / (n_t * (t == u ? n_t - 1 : static_cast<double>(members_[u].size())));
  for (const std::uint16_t a : members_[t])
    for (const std::uint16_t b : members_[u])
      if (a != b) out(row_of(j, a), row_of(k, b)) = out(row_of(k, b), row_of(j, a)) = each;
}

void SetWalk::pair_marginals(Eigen::Ref<RowMatrix> out) const {
  std::vector<Level> levels{first_level()};
  for (std::size_t k = 0; k < n_positions_; ++k) {
    find_steps(k, levels.back());
    levels.push_back(next_level(levels.back()));
  }
  std::vector<double> mass{1}, joint(n_kinds());
  for (std::size_t j = 0; j < n_positions_; ++j) {
    for (std::size_t t = 0; t < n_kinds(); ++t) {
      std::vector<double> with = moved(levels[j], mass, levels[j + 1].n, t, t + 1);
      double marginal = 0;
      for (const double each : with) marginal += each;
      for (const std::uint16_t a : members_[t])
        out(row_of(j, a), row_of(j, a)) = marginal / static_cast<double>(members_[t].size());
      for (std::size_t k = j + 1; k < n_positions_; ++k) {
        std::fill(joint.begin(), joint.end(), 0.0);
        for (std::size_t s = 0; s < with.size(); ++s)
          for (std::size_t u = 0; with[s] > 0 && u < n_kinds(); ++u)
            joint[u] += with[s] * levels[k].p[s * n_kinds() + u];
        for (std::size_t u = 0; u < n_kinds(); ++u)
          if (joint[u] > 0) add_pair(j, t, k, u, joint[u], out);
        with = moved(levels[k], with, levels[k + 1].n, 0, n_kinds());
      }
    }
    mass = moved(levels[j], mass, levels[j + 1].n, 0, n_kinds());
  }
}

}  // namespace rehearsal
