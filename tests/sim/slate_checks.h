#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <vector>

#include "sim/slate.h"
#include "tests/catch.h"

namespace rehearsal::testing {

using Slate = std::vector<std::uint16_t>;

/// Every ordered selection of l of m choices, in lexicographic order.
inline std::vector<Slate> all_slates(std::size_t m, std::size_t l) {
  std::vector<Slate> slates{{}};
  for (std::size_t k = 0; k < l; ++k) {
    std::vector<Slate> longer;
    for (const Slate& slate : slates)
      for (std::size_t c = 0; c < m; ++c) {
        if (std::find(slate.begin(), slate.end(), c) != slate.end()) continue;
        longer.push_back(slate);
        longer.back().push_back(static_cast<std::uint16_t>(c));
      }
    slates = std::move(longer);
  }
  return slates;
}

inline double probability(const SlateDistribution& slates, std::size_t i, const Slate& slate) {
  std::vector<double> prefix(slate.size());
  slates.prefix_probabilities(i, slate, prefix);
  return prefix.back();
}

/// Of two positions, what the second shows sums out: the largest error of what is left.
inline double pair_error(const RowMatrix& pairs, const RowMatrix& marginals) {
  const Eigen::Index n_positions = marginals.rows(), n = marginals.cols();
  double worst = 0;
  for (Eigen::Index j = 0; j < n_positions; ++j)
    for (Eigen::Index a = 0; a < n; ++a)
      for (Eigen::Index k = 0; k < n_positions; ++k)
        worst = std::max(worst,
                         std::abs(pairs.row(n * j + a).segment(n * k, n).sum() - marginals(j, a)));
  return worst;
}

/// Prefixes, marginals, position probabilities and pair marginals of a decision all follow from its
/// slates' probabilities by summing, and those sum to 1.
inline void check_against_enumeration(const SlateDistribution& slates, std::size_t i,
                                      double tolerance) {
  const std::size_t m = slates.n_choices(i);
  const std::size_t l = slates.n_positions(i);
  const auto size = [](std::size_t n) { return static_cast<Eigen::Index>(n); };
  RowMatrix marginals = RowMatrix::Zero(size(l), size(m));
  RowMatrix pairs = RowMatrix::Zero(size(l * m), size(l * m));
  std::map<Slate, double> of_prefix;
  double total = 0;
  for (const Slate& slate : all_slates(m, l)) {
    const double p = probability(slates, i, slate);
    REQUIRE(p >= 0);
    total += p;
    for (std::size_t j = 0; j < l; ++j) {
      of_prefix[Slate(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(j) + 1)] += p;
      marginals(size(j), slate[j]) += p;
      for (std::size_t k = 0; k < l; ++k)
        pairs(size(j * m + slate[j]), size(k * m + slate[k])) += p;
    }
  }
  CHECK(std::abs(total - 1) < tolerance);
  RowMatrix got(size(l), size(m));
  slates.marginals(i, got);
  CHECK((got - marginals).cwiseAbs().maxCoeff() < tolerance);
  RowMatrix got_pairs(size(l * m), size(l * m));
  REQUIRE(slates.pair_marginals(i, got_pairs));
  CHECK((got_pairs - pairs).cwiseAbs().maxCoeff() < tolerance);
  double worst = 0;
  for (const Slate& slate : all_slates(m, l)) {
    std::vector<double> prefix(l);
    std::vector<double> position(l);
    slates.prefix_probabilities(i, slate, prefix);
    slates.position_probabilities(i, slate, position);
    for (std::size_t k = 0; k < l; ++k) {
      const Slate head(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k) + 1);
      worst = std::max(worst, std::abs(prefix[k] - of_prefix[head]));
      worst = std::max(worst, std::abs(position[k] - marginals(size(k), slate[k])));
    }
  }
  CHECK(worst < tolerance);
}

/// Sampled slates are as frequent as they are probable, within 4 standard errors each.
inline void check_frequencies(const SlateDistribution& slates, std::size_t i, int n,
                              std::uint64_t seed) {
  const std::size_t m = slates.n_choices(i);
  const std::size_t l = slates.n_positions(i);
  std::vector<std::uint16_t> ids(m);
  for (std::size_t c = 0; c < m; ++c) ids[c] = static_cast<std::uint16_t>(3 * c + 1);
  const Rng rng(seed);
  std::map<Slate, int> seen;
  Slate slate(l);
  for (int t = 0; t < n; ++t) {
    const Turn turn{UserId{static_cast<std::uint32_t>(t)}, 0, 1};
    slates.sample(i, rng, {Draw::kPolicy, turn, ids, 0}, slate);
    ++seen[slate];
  }
  for (const Slate& each : all_slates(m, l)) {
    const double p = probability(slates, i, each);
    INFO("slate starting with " << each[0] << ", probability " << p);
    const double error = std::sqrt(p * (1 - p) / n);
    CHECK(std::abs(seen[each] / static_cast<double>(n) - p) <= 4 * error + 1e-12);
  }
}

}  // namespace rehearsal::testing
