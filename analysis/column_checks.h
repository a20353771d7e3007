#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "sim/core/error.h"

namespace rehearsal {

/// Refuses bad columns, naming the column, the index, what was seen and what is allowed. Every call
/// raises Error(kInput) with `where` in front.
class ColumnChecks {
 public:
  static constexpr double kRounding = 1e-9;  // a probability of 1 may be stored a bit above it

  explicit ColumnChecks(std::string where) : where_(std::move(where)) {}

  [[noreturn]] void refuse(const std::string& column, std::size_t index, double seen,
                           const std::string& allowed) const {
    throw Error(ErrorKind::kInput,
                fmt::format("{}{}[{}] is {}; expected {}", where_, column, index, seen, allowed));
  }
  [[noreturn]] void refuse(const std::string& message) const {
    throw Error(ErrorKind::kInput, where_ + message);
  }
  /// An empty column is absent, and has any size.
  void size(std::size_t found, std::size_t expected, const std::string& column) const {
    if (found != 0 && found != expected)
      refuse(fmt::format("{} has {} numbers; expected {}", column, found, expected));
  }
  void finite(std::span<const double> values, const std::string& column) const {
    for (std::size_t j = 0; j < values.size(); ++j)
      if (!std::isfinite(values[j])) refuse(column, j, values[j], "a finite number");
  }
  void weights(std::span<const double> values, const std::string& column) const {
    for (std::size_t j = 0; j < values.size(); ++j)
      if (!(values[j] >= 0 && std::isfinite(values[j])))
        refuse(column, j, values[j], "a weight of at least 0");
  }
  void propensities(std::span<const double> values, const std::string& column) const {
    for (std::size_t j = 0; j < values.size(); ++j)
      if (!(values[j] > 0 && values[j] <= 1 + kRounding))
        refuse(column, j, values[j], "a logged propensity in (0, 1]");
  }
  void probabilities(std::span<const double> values, const std::string& column) const {
    for (std::size_t j = 0; j < values.size(); ++j)
      if (!(values[j] >= 0 && values[j] <= 1 + kRounding))
        refuse(column, j, values[j], "a probability in [0, 1]");
  }
  /// Rows of `n` probabilities that sum to 1 (1e-6).
  void distributions(std::span<const double> values, std::size_t n,
                     const std::string& column) const {
    probabilities(values, column);
    for (std::size_t row = 0; n > 0 && row < values.size() / n; ++row) {
      double sum = 0;
      for (std::size_t a = 0; a < n; ++a) sum += values[row * n + a];
      if (std::abs(sum - 1) > 1e-6)
        refuse(fmt::format("{}: row {} sums to {}; expected 1", column, row, sum));
    }
  }
  void actions(std::span<const std::uint32_t> values, std::size_t n_actions,
               const std::string& column) const {
    for (std::size_t j = 0; n_actions > 0 && j < values.size(); ++j)
      if (values[j] >= n_actions)
        refuse(column, j, values[j], fmt::format("one of 0 ... {}", n_actions - 1));
  }

 private:
  std::string where_;
};

}  // namespace rehearsal
