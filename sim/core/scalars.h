#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

namespace rehearsal {

inline constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// 1 / (1 + e^-z)
inline double logistic(double z) { return 1 / (1 + std::exp(-z)); }

/// log(1 + e^z)
inline double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); }

}  // namespace rehearsal
