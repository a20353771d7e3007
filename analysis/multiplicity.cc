#include "analysis/multiplicity.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

std::vector<double> adjusted_p_values(std::span<const double> p, const std::string& correction) {
  if (correction != "holm" && correction != "bonferroni" && correction != "none")
    throw Error(ErrorKind::kInput,
                "correction: '" + correction + "' is not one of holm, bonferroni, none");
  std::vector<std::size_t> order(p.size());
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (!(p[i] >= 0 && p[i] <= 1))
      throw Error(ErrorKind::kInput, fmt::format("correction: {} is no p-value", p[i]));
    order[i] = i;
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  const double m = static_cast<double>(p.size());
  std::vector<double> out(p.size());
  double least = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const double factor = correction == "none"   ? 1
                          : correction == "holm" ? m - static_cast<double>(rank)
                                                 : m;
    least = std::max(least, std::min(1.0, factor * p[order[rank]]));
    out[order[rank]] = least;
  }
  return out;
}

double two_sided_p_value(double z) { return std::erfc(std::abs(z) / std::sqrt(2.0)); }

}  // namespace rehearsal
