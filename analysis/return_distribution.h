#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/trajectories.h"

namespace rehearsal {

/// A distribution function of session returns: steps at ascending points, never falling, in [0, 1].
/// An importance-weighted one may end below 1; what is missing is mass that the sample lacks. The
/// mean and the variance leave it out; quantiles and cvar take it to lie at the largest return.
struct ReturnCdf {
  std::vector<double> point;       // ascending, distinct
  std::vector<double> cumulative;  // F(point)

  /// F at any number.
  double at(double x) const;
  /// sum of steps times points.
  double mean() const;
  /// sum of steps times (point - mean)^2.
  double variance() const;
  /// inf {x: F(x) >= p}; the largest point where F ends below p. Args: p: in [0, 1].
  double quantile(double p) const;
  /// (1 / alpha) integral of quantile(p) for p from 0 to alpha: the mean of the worst alpha
  /// (Rockafellar and Uryasev, 2000); at alpha = 0 its limit, the smallest return.
  double cvar(double alpha) const;
};

/// How a distribution function is estimated (Huang et al., NeurIPS 2021; Chandak et al., NeurIPS
/// 2021). R is a session's return, w its whole-session weight, V the value model at its start.
enum class CdfEstimator : std::uint8_t {
  kDm,     // mean of 1[V <= x]
  kTis,    // mean of w 1[R <= x]
  kTdr,    // mean of w (1[R <= x] - 1[V <= x]) + 1[V <= x]
  kSntis,  // kTis with w divided by its mean
  kSntdr   // kTdr with w divided by its mean
};
/// "cd_dm" and so on.
std::string name_of(CdfEstimator estimator);
inline constexpr CdfEstimator kCdfEstimators[] = {CdfEstimator::kDm, CdfEstimator::kTis,
                                                  CdfEstimator::kTdr, CdfEstimator::kSntis,
                                                  CdfEstimator::kSntdr};
/// Whether every column that it reads is there.
bool fits(CdfEstimator estimator, const Trajectories& log);

/// Whether F exists: not where weights are divided by their mean and all are 0.
bool exists(CdfEstimator estimator, const Trajectories& log);

/// V(s_0) of every session: sum_a pi(a | s_0) Q(s_0, a). Args: log: with action_dist and q_hat.
std::vector<double> start_values(const Trajectories& log);

/// sum_t gamma^(t + first_power) r_t of every session.
std::vector<double> session_returns(const Trajectories& log, int first_power = 0);

/// The running maximum of the estimate, clipped to [0, 1] (Huang et al., NeurIPS 2021).
/// Raises: Error(kInput) for no sessions or weights that are all 0 where they are divided by their
/// mean.
ReturnCdf return_cdf(CdfEstimator estimator, const Trajectories& log);

/// The mean of the return by the same weights and model, with its standard error; it differs from
/// the mean of return_cdf() only by what clipping takes.
PointEstimate expected_return(CdfEstimator estimator, const Trajectories& log);

/// What is read off a distribution function, on a grid.
struct CdfSummary {
  std::vector<double> cdf;  // at each point of the grid
  double mean = 0;
  double variance = 0;
  std::vector<double> cvar;  // at each alpha
  double median = 0;
  double lower = 0;  // quantile at `tail`
  double upper = 0;  // quantile at 1 - tail
};
/// Args: grid: points to report F at.  alphas: each in [0, 1].
CdfSummary summarize(const ReturnCdf& cdf, std::span<const double> grid,
                     std::span<const double> alphas, double tail = 0.05);

/// What SCOPE-RL 0.2.1 computes: returns discounted by gamma^(t + 1) and clipped to the grid, F
/// read at the end of half-open bins (so F at a grid point leaves out returns equal to it, the last
/// excepted), steps counted at the upper ends of bins, quantiles at the middle of a bin, and CVaR
/// divided by F at the bin in which alpha falls.
/// Args: grid: ascending, at least two points.  alphas: ascending.
CdfSummary scope_rl_summary(CdfEstimator estimator, const Trajectories& log,
                            std::span<const double> grid, std::span<const double> alphas,
                            double tail = 0.05);

}  // namespace rehearsal
