#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "sim/core/types.h"
#include "sim/slate/prefixes.h"

namespace rehearsal {

/// Slates placed one by one where what comes next depends on what is placed as a set, not on its
/// order: position by position, the probability of every set, so that 2^n sets stand for n! orders.
/// Choices that are alike are counted together (Swaminathan et al., NIPS 2017, of Plackett-Luce):
/// then a set is a count of each kind.
class SetWalk {
 public:
  /// P(choice next | placed) of each choice behind each prefix, one prefix standing for all that
  /// hold as many of each kind. Args: p: (placed.n, n_choices).
  using Step = std::function<void(const Prefixes& placed, Eigen::Ref<RowMatrix> p)>;

  /// Args: kind: (n_choices) equal for choices that are alike.  n_positions: at most as many.
  SetWalk(const std::vector<std::uint16_t>& kind, std::size_t n_positions, Step step);

  /// Probabilities that marginals() looks at: what it takes in time.
  double steps() const;
  /// What pair_marginals() looks at, roughly.
  double pair_steps() const;
  /// As SlateDistribution's. Args: out: all zero.
  void marginals(Eigen::Ref<RowMatrix> out) const;
  void pair_marginals(Eigen::Ref<RowMatrix> out) const;

 private:
  /// What may be placed after so many positions, and where the next one leads.
  struct Level {
    std::size_t n = 0;
    std::vector<std::uint16_t> used;  // (n, kinds) how many of each kind
    std::vector<std::uint64_t> mark;  // (n) fingerprints of those
    std::vector<double> p;            // (n, kinds) that the next choice is of this kind
    std::vector<std::uint32_t> next;  // (n, kinds) which set of the next level that makes
  };
  std::size_t n_kinds() const { return members_.size(); }
  std::vector<double> sets() const;
  Level first_level() const;
  void find_steps(std::size_t length, Level& level) const;
  Level next_level(Level& level) const;
  Eigen::Index row_of(std::size_t position, std::uint16_t choice) const {
    return static_cast<Eigen::Index>(position * n_choices_ + choice);
  }
  std::vector<double> moved(const Level& level, std::span<const double> mass, std::size_t n_next,
                            std::size_t first, std::size_t last) const;
  void add_pair(std::size_t j, std::size_t t, std::size_t k, std::size_t u, double joint,
                Eigen::Ref<RowMatrix> out) const;

  std::size_t n_positions_, n_choices_;
  Step step_;
  std::vector<std::vector<std::uint16_t>> members_;  // (kinds) ascending
};

/// Which of the values are equal. Returns: (values) numbers from 0 on, in order of appearance.
template <class Value>
std::vector<std::uint16_t> kinds_of(const std::vector<Value>& values) {
  std::map<Value, std::uint16_t> seen;
  std::vector<std::uint16_t> kinds;
  for (const Value& value : values)
    kinds.push_back(seen.try_emplace(value, static_cast<std::uint16_t>(seen.size())).first->second);
  return kinds;
}

}  // namespace rehearsal
