#include "analysis/ratio_terms.h"

#include <cmath>
#include <vector>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kFewColumns = 3;  // more have too many second moments to be worth one pass

}  // namespace

PointEstimate estimate_terms(const TermLayout& layout, std::span<const double> terms) {
  const std::size_t width = layout.n_columns, n = terms.size() / width;
  REHEARSAL_CHECK(n > 0 && terms.size() == n * width);
  if (width <= kFewColumns) {
    TermSums few(layout);
    few.add(terms);
    return few.estimate();
  }
  std::vector<double> sums(width, 0.0), gradient(width + 1);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t c = 0; c < width; ++c) sums[c] += terms[i * width + c];
  const auto rounds = static_cast<double>(n);
  ratio_gradient(layout, sums, rounds, gradient);
  double center = 0, squares = 0;  // of the rounds' first-order effects on the value
  for (std::size_t c = 0; c < width; ++c) center += gradient[c] * sums[c] / rounds;
  for (std::size_t i = 0; i < n; ++i) {
    double effect = -center;
    for (std::size_t c = 0; c < width; ++c) effect += gradient[c] * terms[i * width + c];
    squares += effect * effect;
  }
  const double unbiased = n > 1 ? rounds / (rounds - 1) : 0.0;
  return {ratio_value(layout, sums, rounds), std::sqrt(squares * unbiased)};
}

}  // namespace rehearsal
