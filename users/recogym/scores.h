#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/core/kernels.h"
#include "sim/core/types.h"

namespace rehearsal::recogym {

/// Products' factors and means in single precision, product beside product, padded to whole
/// registers: what the bulk kernels read.
class ScoreTable {
 public:
  ScoreTable() = default;
  /// Args: factors: (n_products, n_factors).  mean: (n_products).
  ScoreTable(const RowMatrix& factors, const std::vector<double>& mean);

  std::size_t n_products() const { return n_products_; }
  std::size_t n_factors() const { return n_factors_; }
  std::size_t width() const { return width_; }  // n_products rounded up to a multiple of 8
  const float* mean() const { return values_.data(); }
  const float* factor(std::size_t k) const { return values_.data() + (k + 1) * width_; }

 private:
  std::size_t n_products_ = 0;
  std::size_t n_factors_ = 0;
  std::size_t width_ = 0;
  std::vector<float> values_;  // (1 + n_factors, width)
};

/// exp(score - highest score): views are drawn in proportion to it.
/// Args: omega: (n_factors).  weights: (width), filled; what stands behind n_products is padding.
/// Returns: their sum.
float view_weights(const ScoreTable& views, std::span<const float> omega, std::span<float> weights,
                   Simd simd = best_simd());

/// Click probabilities of all products by v1's link. Args: clicks: (width), filled as above.
void click_vector(const ScoreTable& bandit, std::span<const float> omega, std::span<float> clicks,
                  Simd simd = best_simd());

}  // namespace rehearsal::recogym
