#include "sim/core/quadrature.h"

#include <cmath>

#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("Gauss-Legendre is exact for polynomials and its running integrals too") {
  for (const std::size_t n : {1u, 2u, 5u, 16u, 64u}) {
    const Quadrature rule = gauss_legendre(n);
    for (std::size_t power = 0; power < 2 * n; ++power) {
      double sum = 0;
      for (std::size_t q = 0; q < n; ++q)
        sum += rule.weight[q] * std::pow(rule.node[q], static_cast<double>(power));
      CHECK(std::abs(sum - (power % 2 ? 0 : 2 / (static_cast<double>(power) + 1))) < 1e-13);
    }
  }
  const Quadrature rule = gauss_legendre(8);
  const RowMatrix running = running_integrals(rule);
  for (Eigen::Index i = 0; i < 8; ++i) {
    double sum = 0;
    for (Eigen::Index j = 0; j < 8; ++j)
      sum += running(i, j) * std::pow(rule.node[static_cast<std::size_t>(j)], 7);
    const double end = rule.node[static_cast<std::size_t>(i)];
    CHECK(std::abs(sum - (std::pow(end, 8) - 1) / 8) < 1e-14);
  }
}

TEST_CASE("tanh-sinh integrates end-point singularities") {
  const UnitQuadrature rule = tanh_sinh(0.1, 36);
  double logarithm = 0;
  double root = 0;
  for (std::size_t q = 0; q < rule.node.size(); ++q) {
    logarithm += rule.weight[q] * std::log(rule.complement[q]);
    root += rule.weight[q] * std::sqrt(rule.node[q]);
  }
  CHECK(std::abs(logarithm + 1) < 1e-12);
  CHECK(std::abs(root - 2.0 / 3) < 1e-13);
}

TEST_CASE("the half-line rule resolves rates that lie far apart") {
  for (const double slowest : {1.0, 1e2, 1e8, 1e40}) {
    const Quadrature rule = half_line(1, slowest);
    double fast = 0;
    double both = 0;
    for (std::size_t q = 0; q < rule.node.size(); ++q) {
      fast += rule.weight[q] * std::exp(-rule.node[q]);
      // The clock of rate 1 / slowest rings after the one of rate 1.
      both +=
          rule.weight[q] / slowest * std::exp(-rule.node[q] / slowest) * -std::expm1(-rule.node[q]);
    }
    CHECK(std::abs(fast - 1) < 1e-13);
    CHECK(std::abs(both - slowest / (1 + slowest)) < 1e-13);
  }
}

TEST_CASE("the mean of a logistic of a normal number is that of a fine sum, gentle and steep") {
  for (const double mean : {-4.0, 0.3, 2.0})
    for (const double sd : {0.0, 0.2, 1.0, 6.0}) {
      double sum = 0;
      for (int i = -40000; i <= 40000; ++i) {
        const double z = 2.5e-4 * i;
        sum += std::exp(-0.5 * z * z) / (1 + std::exp(-(mean + sd * z)));
      }
      CHECK(rehearsal::mean_logistic(mean, sd) ==
            Approx(sum * 2.5e-4 / std::sqrt(2 * std::acos(-1.0))).epsilon(1e-12));
    }
}

TEST_CASE("the Poisson-binomial distribution equals its enumeration, with and without one trial") {
  const std::vector<double> p{0.1, 0.95, 0.5, 1.0, 0.0, 0.3, 0.999999};
  const auto enumerate = [](const std::vector<double>& of) {
    std::vector<double> pmf(of.size() + 1, 0.0);
    for (std::size_t bits = 0; bits < std::size_t{1} << of.size(); ++bits) {
      double probability = 1;
      std::size_t n = 0;
      for (std::size_t b = 0; b < of.size(); ++b) {
        const bool on = (bits >> b & 1) != 0;
        probability *= on ? of[b] : 1 - of[b];
        n += on;
      }
      pmf[n] += probability;
    }
    return pmf;
  };
  std::vector<double> pmf(p.size() + 1);
  poisson_binomial(p, pmf);
  const std::vector<double> expected = enumerate(p);
  for (std::size_t j = 0; j < pmf.size(); ++j) CHECK(std::abs(pmf[j] - expected[j]) < 1e-15);
  for (std::size_t b = 0; b < p.size(); ++b) {
    std::vector<double> rest = p;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(b));
    std::vector<double> got(p.size());
    poisson_binomial_without(pmf, p[b], got);
    const std::vector<double> without = enumerate(rest);
    for (std::size_t j = 0; j < got.size(); ++j) CHECK(std::abs(got[j] - without[j]) < 1e-14);
  }
}
