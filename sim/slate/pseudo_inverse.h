#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include "sim/slate.h"

namespace rehearsal {

/// Gamma^+, the pseudo-inverse of a logging policy's pair marginals over (slot, choice), by
/// symmetric eigen-decomposition; eigenvalues below 1e-10 of the largest count as 0 (Swaminathan et
/// al., NIPS 2017). Args: gamma: symmetric.
RowMatrix pseudo_inverse(const RowMatrix& gamma);

/// Keeps one Gamma^+ a SlateDistribution::pattern(), for all threads.
class PseudoInverseCache {
 public:
  /// Returns: Gamma^+ of decision i, (n_positions * n_choices, the same); null where the
  /// distribution has no exact pair marginals.
  std::shared_ptr<const RowMatrix> get(const SlateDistribution& behavior, std::size_t i);

 private:
  using Key = std::tuple<std::uint64_t, std::size_t, std::size_t>;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const RowMatrix>> known_;
};

}  // namespace rehearsal
