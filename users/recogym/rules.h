#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal::recogym {

/// Where a user is: browsing products, being shown recommendations, gone.
enum class Phase : std::uint8_t { kOrganic, kBandit, kStop };

/// The published rules, or those that the parameters' names and the paper promise.
enum class Rules {
  kPublished,  // leaving from the bandit phase uses leave_organic; leave_bandit is never read.
               // A product may be flipped with itself, which uses up a flip
  kCorrected,  // leave_bandit is read; flips are between two products
};

struct Transitions {
  double organic_to_bandit = 0.25;
  double bandit_to_organic = 0.05;
  double leave_organic = 0.01;
  double leave_bandit = 0.01;

  /// P(phase after | phase before), rows in the order of Phase.
  std::array<std::array<double, 3>, 3> matrix(Rules rules) const;
};

/// Click probability of v0: logistic(x - 5).
double click_link_v0(double x);
/// Click probability of v1: s(5 s(2 s(0.3 x) - 2) - 6) with the logistic s, inside (.0044, .0294).
double click_link_v1(double x);

/// Which product takes the bandit factors of which: the most alike pairs of rows of gamma swap, no
/// product twice. Args: gamma: (n_products, n_factors).  Returns: (n_products).
std::vector<std::uint32_t> flips(const RowMatrix& gamma, std::size_t n_flips, Rules rules);

/// Products of v1: views are drawn by softmax(gamma omega + mu), clicks by v1's link of
/// beta omega + mu_bandit.
struct Catalogue {
  RowMatrix gamma;                // (n_products, n_factors)
  std::vector<double> mu;         // (n_products)
  RowMatrix beta;                 // (n_products, n_factors)
  std::vector<double> mu_bandit;  // (n_products)
};

struct CatalogueOptions {
  std::size_t n_products = 10;
  std::size_t n_factors = 5;
  double sigma_mu = 3;          // standard deviation of mu
  std::size_t n_flips = 0;      // 0: what is viewed is clicked
  bool normalize_beta = false;  // rows of beta have length 1
  Rules rules = Rules::kPublished;
};

/// beta and mu_bandit from gamma and mu.
Catalogue complete(RowMatrix gamma, std::vector<double> mu, const CatalogueOptions& options);
/// gamma ~ N(0, 1), mu ~ N(0, sigma_mu^2). Args: rng: of the world's own seed.
Catalogue draw_catalogue(const CatalogueOptions& options, const Rng& rng);

/// Args: omega: (n_factors) the user's interests.  Returns: (n_products).
std::vector<double> view_probabilities(const Catalogue& catalogue, std::span<const double> omega);
std::vector<double> click_probabilities(const Catalogue& catalogue, std::span<const double> omega);

/// v0: products in equal clusters. P(next view | last view) is uniform inside the cluster.
/// Args: n_clusters: divides n_products.
RowMatrix cluster_transitions(std::size_t n_products, std::size_t n_clusters);
/// v0: P(click on a | last view v) = link(n_products / 5 (T + T') + phi)(a, v).
/// Args: transitions: T.  phi: (n_products, n_products).
RowMatrix cluster_clicks(const RowMatrix& transitions, const RowMatrix& phi);

}  // namespace rehearsal::recogym
