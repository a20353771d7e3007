#include "analysis/ratio.h"

#include <cmath>
#include <vector>

#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

double total(std::span<const double> column) {
  double sum = 0;
  for (const double value : column) sum += value;
  return sum;
}

/// n / (n - 1) times the sum of squares of what the users add: the variance of a sum over users.
double clustered_error(std::span<const double> influence, double n_users) {
  double squares = 0;
  for (const double value : influence) squares += value * value;
  return n_users < 2 ? 0.0 : std::sqrt(squares * n_users / (n_users - 1));
}

}  // namespace

Ratio per_round(std::span<const double> sums, std::span<const double> rounds,
                std::span<const double> in) {
  REHEARSAL_CHECK(sums.size() == rounds.size() && sums.size() == in.size());
  double y = 0, n = 0, users = 0;
  for (std::size_t u = 0; u < sums.size(); ++u) {
    y += in[u] * sums[u];
    n += in[u] * rounds[u];
    users += in[u];
  }
  if (n == 0) return {kNan, 0};
  std::vector<double> influence(sums.size());
  for (std::size_t u = 0; u < sums.size(); ++u)
    influence[u] = in[u] * (sums[u] - y / n * rounds[u]) / n;
  return {y / n, clustered_error(influence, users)};
}

Ratio paired_lift(std::span<const double> a, std::span<const double> b) {
  REHEARSAL_CHECK(a.size() == b.size());
  const double sum_b = total(b);
  if (!(sum_b > 0)) return {kNan, 0};
  const double ratio = total(a) / sum_b;
  // What a user adds is a - (A / B) b, over B.
  std::vector<double> influence(a.size());
  for (std::size_t u = 0; u < a.size(); ++u) influence[u] = (a[u] - ratio * b[u]) / sum_b;
  return {ratio - 1, clustered_error(influence, static_cast<double>(a.size()))};
}

Ratio unpaired_lift(const Ratio& a, const Ratio& b) {
  if (!(b.value > 0)) return {kNan, 0};
  const double ratio = a.value / b.value;
  return {ratio - 1, std::hypot(a.standard_error, ratio * b.standard_error) / b.value};
}

}  // namespace rehearsal
