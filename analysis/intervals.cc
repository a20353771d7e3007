#include "analysis/intervals.h"

#include <algorithm>

#include "sim/core/error.h"
#include "sim/core/normal.h"

namespace rehearsal {

Interval normal_interval(double value, double standard_error, double confidence) {
  const double half = standard_error * normal_quantile(0.5 + confidence / 2);
  return {value, value - half, value + half};
}

double sample_quantile(std::vector<double> sample, double p) {
  REHEARSAL_CHECK(!sample.empty());
  std::sort(sample.begin(), sample.end());
  const double at = p * static_cast<double>(sample.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sample.size() - 1);
  return sample[below] + (at - static_cast<double>(below)) * (sample[above] - sample[below]);
}

}  // namespace rehearsal
