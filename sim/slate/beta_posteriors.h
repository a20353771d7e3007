#pragma once

#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "sim/slate/draw_grid.h"

namespace rehearsal {

/// Frozen posteriors with the exact probabilities of the slates that they give, each computed once.
/// Threads may share it; what is kept changes no number.
class BetaPosteriors {
 public:
  using Numbers = std::shared_ptr<const std::vector<double>>;

  explicit BetaPosteriors(std::vector<std::vector<Beta>> posteriors);

  const Beta& at(std::uint32_t group, std::uint16_t id) const { return posteriors_[group][id]; }
  std::size_t n_groups() const { return posteriors_.size(); }
  std::size_t n_ids() const { return posteriors_[0].size(); }

  /// Of every prefix of a slate. Args: ids: the choices' ids.  slate: indices into ids.
  Numbers prefixes(std::uint32_t group, std::span<const std::uint16_t> ids,
                   std::span<const std::uint16_t> slate) const;
  /// P(choice c at position k), (n_positions, n_choices).
  Numbers marginals(std::uint32_t group, std::span<const std::uint16_t> ids,
                    std::size_t n_positions) const;
  /// Pair marginals, (n_positions * n_choices, the same).
  Numbers pairs(std::uint32_t group, std::span<const std::uint16_t> ids,
                std::size_t n_positions) const;

 private:
  enum class Kind : char16_t { kPrefixes, kMarginals, kPairs };
  template <class Compute>
  Numbers remember(Kind kind, std::uint32_t group, std::span<const std::uint16_t> ids,
                   std::span<const std::uint16_t> rest, Compute&& compute) const;
  /// The grid of a decision and the place of its choices in it.
  std::shared_ptr<const DrawGrid> grid(std::uint32_t group, std::span<const std::uint16_t> ids,
                                       std::vector<std::size_t>& columns) const;

  std::vector<std::vector<Beta>> posteriors_;
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::u16string, Numbers> numbers_;
  mutable std::vector<std::shared_ptr<const DrawGrid>> grids_;  // (n_groups)
  mutable std::size_t bytes_ = 0;
};

}  // namespace rehearsal
