#pragma once

#include <cstddef>
#include <span>

namespace rehearsal {

/// |estimate - truth| / |truth|. NaN for a truth of 0.
double relative_error(double estimate, double truth);
/// (estimate - truth)^2.
double squared_error(double estimate, double truth);

/// How one estimator does over repeated logs.
struct EstimatorAccuracy {
  double n = 0;
  double bias = 0;      // mean(estimate - truth)
  double variance = 0;  // of estimate - truth, divided by n: MSE = bias^2 + variance
  double mse = 0;
  double root_mse = 0;
  double relative_error = 0;  // mean of |estimate - truth| / |truth|
  double relative_mse = 0;    // MSE / mean(truth)^2
  double bias_standard_error = 0;
  double mse_standard_error = 0;
};
/// Args: estimates: (n) one a seed.  truths: (n), or (1) for all.
/// Raises: Error(kInput) for none, and for lengths that do not fit.
EstimatorAccuracy estimator_accuracy(std::span<const double> estimates,
                                     std::span<const double> truths);

// --- how well estimates choose among policies; Args: estimates, truths: (n_policies) ------------

/// Pearson's correlation of ranks, equals sharing theirs. NaN where all are equal.
double spearman(std::span<const double> estimates, std::span<const double> truths);
/// Best value of all minus the best among the k with the highest estimates (Fu et al., ICLR 2021).
double regret_at_k(std::span<const double> estimates, std::span<const double> truths,
                   std::size_t k);
/// max(best of the top k - baseline, 0) / standard deviation of the top k (Kiyohara et
/// al., ICLR 2024): what a portfolio of k gains for the risk of trying it. NaN where the top k are
/// equal.
double sharpe_ratio_at_k(std::span<const double> estimates, std::span<const double> truths,
                         std::size_t k, double baseline);

/// Wrong decisions at a threshold; a policy is good when its value is at least that. SCOPE-RL's
/// `type_i` and `type_ii` are the other way round.
struct DecisionErrors {
  double type_1 = 0;  // share of the bad that were passed: harm done
  double type_2 = 0;  // share of the good that were not: gain missed
  double n_bad = 0, n_good = 0;
};
/// Args: scores: what decides, such as estimates or lower bounds. A share of none is 0.
DecisionErrors decision_errors(std::span<const double> scores, std::span<const double> truths,
                               double threshold);

}  // namespace rehearsal
