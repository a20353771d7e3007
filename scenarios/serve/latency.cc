#include "scenarios/serve/latency.h"

#include <algorithm>
#include <cmath>

namespace rehearsal {

void Latencies::add(double seconds, std::uint64_t n) {
  const double bucket = 64 * std::log2(std::max(seconds * 1e9, 1.0));
  count_[static_cast<std::size_t>(std::min(bucket, kBuckets - 1.0))] += n;
  n_ += n;
}

double Latencies::quantile(double p) const {
  const double wanted = p * static_cast<double>(n_);
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
    below += count_[bucket];
    if (below > 0 && static_cast<double>(below) >= wanted)
      return std::exp2((static_cast<double>(bucket) + 1) / 64) * 1e-9;
  }
  return 0;
}

}  // namespace rehearsal
