#pragma once

#include <cstdint>
#include <vector>

namespace rehearsal {

/// Durations in fixed memory: buckets of equal width in their logarithm, 64 a doubling, so that a
/// quantile is told to 1.1 %.
class Latencies {
 public:
  Latencies() : count_(kBuckets) {}

  /// Args: seconds: of each of `n` requests.
  void add(double seconds, std::uint64_t n = 1);
  std::uint64_t size() const { return n_; }
  /// The smallest bucket's upper end that at least a share p of the durations do not exceed.
  /// Args: p: in (0, 1].  Returns: seconds; 0 without any.
  double quantile(double p) const;

 private:
  static constexpr std::size_t kBuckets = 64 * 48;  // from 1 ns to days

  std::vector<std::uint64_t> count_;
  std::uint64_t n_ = 0;
};

}  // namespace rehearsal
