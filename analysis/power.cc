#include "analysis/power.h"

#include <fmt/format.h>

#include <cmath>

#include "sim/core/error.h"
#include "sim/core/normal.h"

namespace rehearsal {

double Power::standard_errors() const {
  const auto check_share = [](const char* name, double share) {
    if (!(share > 0 && share < 1))
      throw Error(ErrorKind::kInput, fmt::format("{}: {} is not between 0 and 1", name, share));
  };
  check_share("confidence", confidence);
  check_share("power", power);
  if (lift == 0 || !std::isfinite(lift))
    throw Error(ErrorKind::kInput, fmt::format("lift: {} cannot be told from 0", lift));
  REHEARSAL_CHECK(n_candidates > 0);
  return normal_quantile(1 - (1 - confidence) / (2 * n_candidates)) + normal_quantile(power);
}

double pages_per_arm(const Power& goal, double value, double variance) {
  const double effect = goal.lift * value, z = goal.standard_errors();
  return z * z * 2 * variance / (effect * effect);
}

double pages_to_decide(const Power& goal, double pages, double lift_standard_error) {
  const double ratio = goal.standard_errors() * lift_standard_error / goal.lift;
  return pages * ratio * ratio;
}

}  // namespace rehearsal
