#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/results.h"
#include "analysis/return_distribution.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// Sessions of one policy and metric, borrowed.
struct SessionReturns {
  std::span<const std::uint32_t> user;    // (sessions) ascending
  std::span<const double> total;          // (sessions) discounted return
  std::span<const double> weight;         // (sessions) of the whole session
  std::span<const double> initial_value;  // (sessions) V(s_0); empty: no model
};

/// The distribution function of returns under the evaluation policy (Huang et al., NeurIPS 2021;
/// Chandak et al., NeurIPS 2021). Raises: as return_cdf.
ReturnCdf return_cdf(CdfEstimator estimator, const SessionReturns& sessions);

struct DistributionOptions {
  double confidence = 0.95;
  std::size_t n_bootstrap = 200;
  /// Points of the distribution function that are reported: where there are more, those at which it
  /// first reaches each of so many equal parts of its height. 0: all.
  std::size_t cdf_points = 100;
};

/// The distribution as estimates: METRIC, its mean, with the whole distribution function, and
/// METRIC_variance, _median, _p05, _p95 and _cvar10 (the mean of the worst tenth), with errors and
/// percentile intervals by a Poisson bootstrap of users. Args: metric: of the returns.
std::vector<Estimate> distribution_estimates(CdfEstimator estimator, const SessionReturns& sessions,
                                             const std::string& metric,
                                             const DistributionOptions& options, const Rng& rng);

}  // namespace rehearsal
