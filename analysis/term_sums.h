#pragma once

#include <span>
#include <vector>

#include "analysis/estimators.h"

namespace rehearsal {

/// A mean of terms, or a ratio of such means, with its standard error by the delta method.
struct PointEstimate {
  double value = 0;  // NaN where a denominator is 0
  double standard_error = 0;
};

/// Sums of terms and their second moments about a point near their means, chunk by chunk: all that
/// an estimate and its standard error need of rounds, in memory that does not grow with them.
class TermSums {
 public:
  explicit TermSums(TermLayout layout);
  /// Args: terms: (rounds, n_columns), row-major; a few hundred rounds at a time are quickest.
  void add(std::span<const double> terms);
  /// Sums of other rounds, in the same columns.
  void add(const TermSums& other);

  /// The same sums under another layout, whose further columns stand last and were 0 so far.
  TermSums with(TermLayout layout) const;
  std::size_t n_columns() const { return layout_.n_columns; }
  double n_rounds() const { return n_; }
  double mean(std::size_t column) const;
  /// sum_i (x_ij - mean_j) (x_ik - mean_k).
  double moment(std::size_t j, std::size_t k) const;
  PointEstimate estimate() const;

 private:
  TermLayout layout_;
  double n_ = 0;
  std::vector<double> shift_;    // (n_columns)
  std::vector<double> sums_;     // (n_columns) of (term - shift)
  std::vector<double> moments_;  // (n_columns, n_columns), lower half, of their products
};

}  // namespace rehearsal
