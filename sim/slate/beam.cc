#include "sim/slate/beam.h"

#include <algorithm>
#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// A prefix that is one longer.
struct Longer {
  double value;
  std::uint32_t row;  // of the prefix it continues
  std::uint16_t choice;
};

}  // namespace

std::vector<std::uint16_t> beam_search(std::size_t n_choices, std::size_t n_positions,
                                       std::size_t width, const Extend& extend) {
  REHEARSAL_CHECK(width > 0 && n_positions <= n_choices);
  Prefixes beam{1, 0, {}};
  std::vector<double> values{0};
  std::vector<Longer> found;
  for (std::size_t k = 0; k < n_positions; ++k) {
    RowMatrix longer(beam.n, n_choices);
    extend(beam, values, longer);
    found.clear();
    for (std::size_t r = 0; r < beam.n; ++r) {
      const std::span<const std::uint16_t> placed = beam.row(r);
      for (std::size_t c = 0; c < n_choices; ++c) {
        const double value = longer(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c));
        if (value == -INFINITY || std::find(placed.begin(), placed.end(), c) != placed.end())
          continue;
        REHEARSAL_CHECK(!std::isnan(value));
        found.push_back({value, static_cast<std::uint32_t>(r), static_cast<std::uint16_t>(c)});
      }
    }
    if (found.empty()) break;
    const std::size_t n_kept = std::min(width, found.size());
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n_kept),
                      found.end(), [](const Longer& a, const Longer& b) {
                        if (a.value != b.value) return a.value > b.value;
                        return a.row != b.row ? a.row < b.row : a.choice < b.choice;
                      });
    // Rows in the order of their choices, so that ties fall to the first of all slates.
    std::sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(n_kept),
              [](const Longer& a, const Longer& b) {
                return a.row != b.row ? a.row < b.row : a.choice < b.choice;
              });
    Prefixes next{0, k + 1, {}};
    values.clear();
    for (std::size_t j = 0; j < n_kept; ++j) {
      next.add(beam, found[j].row, found[j].choice);
      values.push_back(found[j].value);
    }
    beam = std::move(next);
  }
  const auto best =
      static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
  const std::span<const std::uint16_t> slate = beam.row(best);
  return {slate.begin(), slate.end()};
}

}  // namespace rehearsal
