#pragma once

namespace rehearsal {

/// The standard normal quantile, relative error below 1e-15 (Wichura, Applied Statistics 37, 1988,
/// algorithm AS 241): turns one addressed uniform into one normal number.
/// Args: p: in (0, 1).
double normal_quantile(double p);

}  // namespace rehearsal
