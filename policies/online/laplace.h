#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// One success or failure of an arm.
struct LogisticExample {
  std::uint32_t row = 0;  // of the inputs
  double weight = 1;
  bool success = false;
};

/// A normal distribution of coefficients with a diagonal covariance.
struct DiagonalNormal {
  std::span<double> mean;       // (width)
  std::span<double> precision;  // (width), above 0
};

/// Online Bayesian logistic regression (Chapelle and Li, NIPS 2011, algorithm 3): the mean moves to
/// the mode of prior times likelihood, found by Newton's method to a gradient of 1e-8 a unit of
/// precision, and the precision of each coefficient grows by sum w x^2 p (1 - p) there.
/// Args: inputs: (n_rows, width).
void laplace_update(const RowMatrixF& inputs, std::span<const LogisticExample> examples,
                    DiagonalNormal posterior);

}  // namespace rehearsal
