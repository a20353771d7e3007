#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "sim/engine/parallel.h"

namespace rehearsal {

/// Computes compute(0) ... compute(n - 1) on threads and hands the results to combine(i, result) in
/// order, on the calling thread: sums come out the same for any number of threads. At most a few
/// results are held at a time.
template <class Compute, class Combine>
void ordered_reduce(std::size_t n, int threads, Compute&& compute, Combine&& combine) {
  constexpr std::size_t kWave = 16;
  using Result = decltype(compute(std::size_t{0}));
  for (std::size_t first = 0; first < n; first += kWave) {
    const std::size_t size = std::min(kWave, n - first);
    std::vector<std::optional<Result>> results(size);
    parallel_for(size, threads, [&](std::size_t i) {
      check_interrupt();
      results[i].emplace(compute(first + i));
    });
    for (std::size_t i = 0; i < size; ++i) combine(first + i, std::move(*results[i]));
  }
}

}  // namespace rehearsal
