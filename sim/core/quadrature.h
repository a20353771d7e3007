#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// Points and weights: the integral of f is about sum_q weight[q] f(node[q]).
struct Quadrature {
  std::vector<double> node;
  std::vector<double> weight;
};

/// Gauss-Legendre on (-1, 1), exact for polynomials of degree 2n - 1. Nodes ascend. Args: n in
/// [1, 200].
Quadrature gauss_legendre(std::size_t n);

/// For f known at the Gauss-Legendre nodes: row i times f is the integral from -1 to node i of the
/// polynomial through them. Returns: (n, n).
RowMatrix running_integrals(const Quadrature& gauss);

/// Tanh-sinh (Takahasi and Mori, 1974) on (0, 1), for integrands with singular ends. A node near 1
/// is kept as its distance from 1 too. Args: step: 0.1 with 36 gives 1e-15 for smooth ends.
struct UnitQuadrature : Quadrature {
  std::vector<double> complement;  // 1 - node, without cancellation
};
UnitQuadrature tanh_sinh(double step, int half_count);

/// Double-exponential rule for integrals over (0, infinity) of functions that change on time scales
/// between `fastest` and `slowest` and decay at least like exp(-t / slowest): t = fastest *
/// exp(z - exp(-z)), equal steps in z. Spectral for products of exp(-w t) and 1 - exp(-w t).
Quadrature half_line(double fastest, double slowest);

/// E sigmoid(mean + sd z), z standard normal, by the trapezoid rule, to 1e-13. Args: sd >= 0.
double mean_logistic(double mean, double sd);

/// The number of successes of independent trials (Poisson-binomial distribution), by the product of
/// the generating functions. Args: p: (m).  out: (m + 1).
void poisson_binomial(std::span<const double> p, std::span<double> out);

/// The same without one trial of probability p, by dividing its factor out: from below for p <= 1/2
/// and from above otherwise, both stable. Args: pmf: (m + 1) of all trials.  out: (m).
void poisson_binomial_without(std::span<const double> pmf, double p, std::span<double> out);

}  // namespace rehearsal
