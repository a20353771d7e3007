#pragma once

#include <span>

namespace rehearsal {

/// A value of sums over users, and its standard error by the delta method. Users are the unit:
/// their rounds are not independent, they are.
struct Ratio {
  double value = 0;
  double standard_error = 0;
};

/// sum_u in_u y_u / sum_u in_u x_u: a metric per round, such as clicks a page.
/// Args: sums, rounds: (n_users) y and x.  in: (n_users) 1 for users that count, else 0.
/// Returns: NaN where the denominator is 0.
Ratio per_round(std::span<const double> sums, std::span<const double> rounds,
                std::span<const double> in);
/// Lift of the same users under two policies: sum a / sum b - 1. NaN unless sum b > 0.
Ratio paired_lift(std::span<const double> a, std::span<const double> b);
/// Lift of one group of users over another. NaN unless b > 0.
Ratio unpaired_lift(const Ratio& a, const Ratio& b);

}  // namespace rehearsal
