#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/catch.h"

namespace rehearsal {

/// The mean of independent numbers, with its standard error.
struct Mean {
  double n = 0, sum = 0, squares = 0;

  void add(double value) {
    n += 1;
    sum += value;
    squares += value * value;
  }
  double value() const { return sum / n; }
  double variance() const { return (squares - n * value() * value()) / (n - 1); }
  double se() const { return std::sqrt(variance() / n); }
};

/// |ours - theirs| <= 4 standard errors of the difference. Ours must be the sharper one.
inline void check_mean(const std::string& what, const Mean& ours, double mean, double se) {
  INFO(what << ": " << ours.value() << " +- " << ours.se() << ", RecSim " << mean << " +- " << se);
  CHECK(ours.se() < se);
  CHECK(std::abs(ours.value() - mean) <= 4 * std::hypot(ours.se(), se));
}

inline void check_mean(const std::string& what, const Mean& ours, const nlohmann::json& theirs) {
  check_mean(what, ours, theirs["mean"], theirs["se"]);
}

}  // namespace rehearsal
