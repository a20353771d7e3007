#include "sim/core/quadrature.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// P_0 ... P_n at x, by the three-term recurrence.
std::vector<double> legendre(std::size_t n, double x) {
  std::vector<double> p(n + 1, 1.0);
  if (n > 0) p[1] = x;
  for (std::size_t k = 2; k <= n; ++k) {
    const double order = static_cast<double>(k);
    p[k] = ((2 * order - 1) * x * p[k - 1] - (order - 1) * p[k - 2]) / order;
  }
  return p;
}

}  // namespace

Quadrature gauss_legendre(std::size_t n) {
  REHEARSAL_CHECK(n >= 1 && n <= 200);
  const double order = static_cast<double>(n);
  Quadrature rule{std::vector<double>(n), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i) {
    double x = -std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (order + 0.5));
    double slope = 1;
    for (int newton = 0; newton < 20; ++newton) {
      const std::vector<double> p = legendre(n, x);
      slope = order * (x * p[n] - p[n - 1]) / (x * x - 1);
      const double step = p[n] / slope;
      x -= step;
      if (std::abs(step) < 1e-16) break;
    }
    rule.node[i] = x;
    rule.weight[i] = 2 / ((1 - x * x) * slope * slope);
  }
  return rule;
}

RowMatrix running_integrals(const Quadrature& gauss) {
  const std::size_t n = gauss.node.size();
  RowMatrix integrals(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    const std::vector<double> at_end = legendre(n, gauss.node[i]);
    for (std::size_t j = 0; j < n; ++j) {
      // The Lagrange polynomial of node j in Legendre polynomials, integrated term by term.
      const std::vector<double> p = legendre(n, gauss.node[j]);
      double sum = gauss.node[i] + 1;
      for (std::size_t k = 1; k < n; ++k) sum += p[k] * (at_end[k + 1] - at_end[k - 1]);
      integrals(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) =
          gauss.weight[j] * sum / 2;
    }
  }
  return integrals;
}

UnitQuadrature tanh_sinh(double step, int half_count) {
  UnitQuadrature rule;
  for (int k = -half_count; k <= half_count; ++k) {
    const double s = step * k;
    const double u = std::numbers::pi / 2 * std::sinh(s);
    const double below = 1 / (1 + std::exp(-2 * u));
    const double above = 1 / (1 + std::exp(2 * u));
    rule.node.push_back(below);
    rule.complement.push_back(above);
    rule.weight.push_back(step * std::numbers::pi * std::cosh(s) * below * above);
  }
  return rule;
}

Quadrature half_line(double fastest, double slowest) {
  REHEARSAL_CHECK(fastest > 0 && slowest >= fastest);
  constexpr double kStep = 0.1;
  constexpr double kFirst = -3.7;    // t = fastest * 1e-19
  constexpr double kDecayed = 3.75;  // exp(-exp(3.75)) = 1e-19
  const double last = kDecayed + std::log(slowest / fastest);
  Quadrature rule;
  for (int k = 0; kFirst + kStep * k <= last + kStep; ++k) {
    const double z = kFirst + kStep * k;
    const double t = fastest * std::exp(z - std::exp(-z));
    rule.node.push_back(t);
    rule.weight.push_back(kStep * t * (1 + std::exp(-z)));
  }
  return rule;
}

double mean_logistic(double mean, double sd) {
  // The rule's error falls like exp(-2 pi d / step), d the distance of the nearest pole: pi / sd.
  const double step = sd > 1 ? 0.5 / sd : 0.5;
  const int n = static_cast<int>(8.5 / step);
  double sum = 0;
  double weights = 0;
  for (int i = -n; i <= n; ++i) {
    const double z = step * i;
    const double weight = std::exp(-0.5 * z * z);
    sum += weight / (1 + std::exp(-(mean + sd * z)));
    weights += weight;
  }
  return sum / weights;
}

void poisson_binomial(std::span<const double> p, std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  out[0] = 1;
  for (std::size_t b = 0; b < p.size(); ++b) {
    for (std::size_t j = b + 1; j > 0; --j) out[j] = out[j] * (1 - p[b]) + out[j - 1] * p[b];
    out[0] *= 1 - p[b];
  }
}

void poisson_binomial_without(std::span<const double> pmf, double p, std::span<double> out) {
  const std::size_t m = out.size();
  if (p <= 0.5) {
    double before = 0;
    for (std::size_t j = 0; j < m; ++j) before = out[j] = (pmf[j] - p * before) / (1 - p);
  } else {
    double after = 0;
    for (std::size_t j = m; j > 0; --j) after = out[j - 1] = (pmf[j] - (1 - p) * after) / p;
  }
  for (double& value : out) value = std::max(value, 0.0);
}

}  // namespace rehearsal
