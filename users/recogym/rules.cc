#include "users/recogym/rules.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "sim/world/recogym_products.h"

namespace rehearsal::recogym {

namespace {

/// scores(a) = factors(a) omega + mean(a).
std::vector<double> scores(const RowMatrix& factors, const std::vector<double>& mean,
                           std::span<const double> omega) {
  REHEARSAL_CHECK(static_cast<std::size_t>(factors.cols()) == omega.size());
  std::vector<double> out(mean);
  for (std::size_t a = 0; a < out.size(); ++a) {
    const double* row = factors.data() + a * omega.size();
    double sum = 0;
    for (std::size_t k = 0; k < omega.size(); ++k) sum += row[k] * omega[k];
    out[a] += sum;
  }
  return out;
}

}  // namespace

std::array<std::array<double, 3>, 3> Transitions::matrix(Rules rules) const {
  const double leave = rules == Rules::kPublished ? leave_organic : leave_bandit;
  return {{{1 - (organic_to_bandit + leave_organic), organic_to_bandit, leave_organic},
           {bandit_to_organic, 1 - (bandit_to_organic + leave), leave},
           {0, 0, 1}}};
}

double click_link_v0(double x) { return logistic(x - 5); }

double click_link_v1(double x) { return logistic(5 * logistic(2 * logistic(0.3 * x) - 2) - 6); }

std::vector<std::uint32_t> flips(const RowMatrix& gamma, std::size_t n_flips, Rules rules) {
  const auto n = static_cast<std::size_t>(gamma.rows());
  RowMatrix alike = gamma * gamma.transpose();
  alike.diagonal().setZero();
  std::vector<std::uint32_t> index(n);
  std::iota(index.begin(), index.end(), 0u);
  std::vector<std::size_t> pairs(n * n);
  std::iota(pairs.begin(), pairs.end(), std::size_t{0});
  std::stable_sort(pairs.begin(), pairs.end(),
                   [&](std::size_t a, std::size_t b) { return alike.data()[a] > alike.data()[b]; });
  std::vector<bool> used(n);
  for (const std::size_t pair : pairs) {
    if (n_flips == 0) break;
    const std::size_t i = pair / n;
    const std::size_t j = pair % n;
    if (used[i] || used[j] || (i == j && rules == Rules::kCorrected)) continue;
    index[i] = static_cast<std::uint32_t>(j);
    index[j] = static_cast<std::uint32_t>(i);
    used[i] = used[j] = true;
    --n_flips;
  }
  return index;
}

Catalogue complete(RowMatrix gamma, std::vector<double> mu, const CatalogueOptions& options) {
  Catalogue out;
  out.beta.resize(gamma.rows(), gamma.cols());
  const std::vector<std::uint32_t> index = flips(gamma, options.n_flips, options.rules);
  for (std::size_t a = 0; a < index.size(); ++a) {
    out.beta.row(static_cast<Eigen::Index>(a)) = gamma.row(static_cast<Eigen::Index>(index[a]));
    out.mu_bandit.push_back(mu[index[a]]);
  }
  if (options.normalize_beta) out.beta.rowwise().normalize();
  out.gamma = std::move(gamma);
  out.mu = std::move(mu);
  return out;
}

Catalogue draw_catalogue(const CatalogueOptions& options, const Rng& rng) {
  return complete(draw_gamma(options.n_products, options.n_factors, rng),
                  draw_mu(options.n_products, options.sigma_mu, rng), options);
}

std::vector<double> view_probabilities(const Catalogue& catalogue, std::span<const double> omega) {
  std::vector<double> p = scores(catalogue.gamma, catalogue.mu, omega);
  const double highest = *std::max_element(p.begin(), p.end());
  for (double& value : p) value = std::exp(value - highest);
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= sum;
  return p;
}

std::vector<double> click_probabilities(const Catalogue& catalogue, std::span<const double> omega) {
  std::vector<double> p = scores(catalogue.beta, catalogue.mu_bandit, omega);
  for (double& value : p) value = click_link_v1(value);
  return p;
}

RowMatrix cluster_transitions(std::size_t n_products, std::size_t n_clusters) {
  REHEARSAL_CHECK(n_clusters > 0 && n_products % n_clusters == 0);
  const std::size_t size = n_products / n_clusters;
  RowMatrix out =
      RowMatrix::Zero(static_cast<Eigen::Index>(n_products), static_cast<Eigen::Index>(n_products));
  for (std::size_t c = 0; c < n_clusters; ++c) {
    const auto first = static_cast<Eigen::Index>(c * size);
    const auto n = static_cast<Eigen::Index>(size);
    out.block(first, first, n, n).setConstant(1 / static_cast<double>(size));
  }
  return out;
}

RowMatrix cluster_clicks(const RowMatrix& transitions, const RowMatrix& phi) {
  const double scale = static_cast<double>(phi.rows()) / 5;
  RowMatrix out = scale * (transitions + transitions.transpose()) + phi;
  for (double& value : out.reshaped()) value = click_link_v0(value);
  return out;
}

}  // namespace rehearsal::recogym
