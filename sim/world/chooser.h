#pragma once

#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "sim/core/draws.h"

namespace rehearsal {

/// An ordered choice of distinct numbers below n (Fisher and Yates' shuffle, stopped early).
class Chooser {
 public:
  /// Args: most: the largest n that will be asked for.
  explicit Chooser(std::uint32_t most) : pool_(most) { std::iota(pool_.begin(), pool_.end(), 0u); }

  /// Args: n: at least chosen.size().  words: (chosen.size()) random.
  void choose(std::uint32_t n, const std::uint32_t* words, std::span<std::uint32_t> chosen) {
    for (std::size_t j = 0; j < chosen.size(); ++j) {
      std::swap(pool_[j], pool_[place(n, words[j], j)]);
      chosen[j] = pool_[j];
    }
    // Back to where it stood: the next choice must not depend on this one.
    for (std::size_t j = chosen.size(); j-- > 0;) std::swap(pool_[j], pool_[place(n, words[j], j)]);
  }

 private:
  static std::size_t place(std::uint32_t n, std::uint32_t word, std::size_t j) {
    return j + index_below(word, n - j);
  }

  std::vector<std::uint32_t> pool_;
};

}  // namespace rehearsal
