#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace rehearsal {

/// Beginnings of slates of one decision, all of one length, none holding a choice twice.
struct Prefixes {
  std::size_t n = 0;
  std::size_t length = 0;
  std::vector<std::uint16_t> choice{};  // (n, length) indices into the decision's choices

  std::span<const std::uint16_t> row(std::size_t r) const {
    return {choice.data() + r * length, length};
  }
  /// Puts one behind the others: row `r` of `shorter` and then `next`.
  void add(const Prefixes& shorter, std::size_t r, std::uint16_t next) {
    const std::span<const std::uint16_t> head = shorter.row(r);
    choice.insert(choice.end(), head.begin(), head.end());
    choice.push_back(next);
    ++n;
  }
};

}  // namespace rehearsal
