#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace rehearsal {

/// Working memory of one decision: on the stack up to N elements, else on the heap. Elements on the
/// stack start out unset.
template <class T, std::size_t N = 64>
class Scratch {
 public:
  explicit Scratch(std::size_t size) : heap_(size > N ? size : 0), size_(size) {}
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() { return heap_.empty() ? stack_.data() : heap_.data(); }
  T& operator[](std::size_t i) { return data()[i]; }
  std::span<T> span() { return {data(), size_}; }

 private:
  std::array<T, N> stack_;
  std::vector<T> heap_;
  std::size_t size_;
};

}  // namespace rehearsal
