#pragma once

#include <cmath>

#include "sim/core/scalars.h"

namespace rehearsal {

inline double sigmoid(double z) {
  const double e = std::exp(-std::abs(z));
  return (z >= 0 ? 1 : e) / (1 + e);
}

/// A loss and its derivatives by one or two logits.
struct LossTerm {
  double loss = 0;
  double by_first = 0;
  double by_second = 0;
};

/// BCE(y, sigmoid(a)), y in [0, 1].
inline LossTerm cross_entropy(double a, double y) {
  return {softplus(a) - y * a, sigmoid(a) - y, 0};
}

/// BCE(y, sigmoid(a) * sigmoid(c)) in log space: the second loss of ESMM (Ma et al., SIGIR 2018).
inline LossTerm product_cross_entropy(double a, double c, double y) {
  const double log_p = -softplus(-a) - softplus(-c);
  const double one_minus_p = -std::expm1(log_p);
  // log(1 - e^l): each form is exact where the other cancels (Maechler 2012).
  const double log_one_minus_p =
      log_p > -M_LN2 ? std::log(one_minus_p) : std::log1p(-std::exp(log_p));
  const double by_log_p = -y + (1 - y) * std::exp(log_p) / one_minus_p;
  return {-y * log_p - (1 - y) * log_one_minus_p, by_log_p * sigmoid(-a), by_log_p * sigmoid(-c)};
}

}  // namespace rehearsal
