#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "sim/core/draws.h"
#include "sim/core/types.h"

namespace rehearsal::recogym {

/// The context feature that says how often a user has viewed a product in this session, as
/// log(1 + views).
inline std::string views_feature(std::size_t product) { return "views_" + std::to_string(product); }
inline constexpr const char* kLastViewed = "last_viewed";

/// N(0, sigma^2), row by row. Args: rng: of the world's own seed.  item: of Draw::kWorld.
inline RowMatrix draw_normal(std::size_t rows, std::size_t columns, double sigma, const Rng& rng,
                             std::uint32_t item) {
  RowMatrix out(static_cast<Eigen::Index>(rows), static_cast<Eigen::Index>(columns));
  Stream stream = rng.stream(Draw::kWorld, Turn{}, item);
  for (Eigen::Index j = 0; j < out.size(); ++j) out.data()[j] = sigma * normal_from(stream());
  return out;
}

/// v1's product vectors. Returns: (n_products, n_factors).
inline RowMatrix draw_gamma(std::size_t n_products, std::size_t n_factors, const Rng& rng) {
  return draw_normal(n_products, n_factors, 1, rng, 0);
}
/// v1's product means. Returns: (n_products).
inline std::vector<double> draw_mu(std::size_t n_products, double sigma, const Rng& rng) {
  const RowMatrix mu = draw_normal(n_products, 1, sigma, rng, 1);
  return {mu.data(), mu.data() + mu.size()};
}
/// What v0 adds to the click logits of clusters. Returns: (n_products shown, n_products viewed).
inline RowMatrix draw_phi(std::size_t n_products, double variance, const Rng& rng) {
  return draw_normal(n_products, n_products, std::sqrt(variance), rng, 2);
}

}  // namespace rehearsal::recogym
