#pragma once

#include <span>
#include <string>
#include <vector>

namespace rehearsal {

/// p-values corrected for being several: one that is at most alpha after it is significant with the
/// chance of any false one kept at alpha. "bonferroni": m p; "holm" (Holm, Scandinavian Journal of
/// Statistics 1979): (m - rank + 1) p, never falling with the rank; "none".
/// Args: p: each in [0, 1].  Returns: in the same order, at most 1.
/// Raises: Error(kInput) for another correction, and for what is no p-value.
std::vector<double> adjusted_p_values(std::span<const double> p, const std::string& correction);

/// 2 (1 - Phi(|z|)).
double two_sided_p_value(double z);

}  // namespace rehearsal
