#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sim/core/kernels.h"

namespace rehearsal {

/// Rounds whose actions show in what users see of them ("embedding": category, brand ...), for
/// marginalized weights (Saito and Joachims, ICML 2022). Columns are borrowed.
struct EmbeddedRounds {
  std::size_t n_actions = 0;
  std::size_t n_categories = 0;  // most that a dimension has
  std::size_t n_dims = 0;
  std::span<const double> action_dist;       // (n_rounds, n_actions) pi(a | x_i)
  std::span<const double> pi_b;              // (n_rounds, n_actions) mu(a | x_i)
  std::span<const std::uint32_t> embedding;  // (n_rounds, n_dims) below n_categories
  std::span<const double> p_e_a;             // (n_actions, n_categories, n_dims) p(e_d | a)

  std::size_t size() const { return n_actions == 0 ? 0 : action_dist.size() / n_actions; }
};

enum class Marginal {
  /// The paper's weight: sum_a pi(a) prod_d p(e_d | a) / sum_a mu(a) prod_d p(e_d | a).
  kJoint,
  /// Open Bandit Pipeline's: prod_d of each dimension's own ratio. Equal to the joint one for one
  /// dimension; with more, its mean under the logging policy is not 1.
  kProduct
};

/// Marginal weights, as many at a time as are wanted.
class MarginalWeights {
 public:
  /// Args: rounds: what it borrows outlives this.  dims: which dimensions count; none: weight 1.
  MarginalWeights(const EmbeddedRounds& rounds, Marginal kind, std::span<const std::size_t> dims,
                  Simd simd = best_simd());
  /// Those of rounds [first, first + out.size()); infinite or NaN where mu gives the embedding no
  /// probability.
  void operator()(std::size_t first, std::span<double> out);
  /// (n_rounds)
  std::vector<double> all();

 private:
  void few(std::size_t first, std::size_t n, double* out);

  EmbeddedRounds rounds_;
  Marginal kind_;
  std::vector<std::size_t> dims_;
  Simd simd_;
  bool tabled_ = false;               // whether tables_ has a row for each joint value
  std::vector<double> tables_;        // (rows, n_actions) p(e_d | a), or of all dimensions at once
  std::vector<double> scratch_;       // (a few, n_actions) joint probabilities
  std::vector<std::uint32_t> index_;  // (a few, factors) rows of tables_
};

inline std::vector<double> joint_marginal_weights(const EmbeddedRounds& rounds,
                                                  std::span<const std::size_t> dims,
                                                  Simd simd = best_simd()) {
  return MarginalWeights(rounds, Marginal::kJoint, dims, simd).all();
}
inline std::vector<double> product_marginal_weights(const EmbeddedRounds& rounds,
                                                    std::span<const std::size_t> dims,
                                                    Simd simd = best_simd()) {
  return MarginalWeights(rounds, Marginal::kProduct, dims, simd).all();
}

/// sum_a pi(a) / mu(a) p_hat(a | x, e), p_hat a classifier's; an action with mu(a) = 0 adds
/// nothing. Args: p_hat: (n_rounds, n_actions).
std::vector<double> estimated_marginal_weights(const EmbeddedRounds& rounds,
                                               std::span<const double> p_hat);

/// How dimensions are dropped: from all subsets of a size, or one by one.
enum class Prune { kExact, kGreedy };
constexpr std::size_t kMostExactDims = 12;  // all 4,095 subsets

/// An estimate that uses some dimensions, and the half width of its deviation.
struct Deviation {
  double value = 0;
  double half_width = 0;
};

/// Dimensions kept by SLOPE: ever fewer, as long as the estimates agree with all before them.
struct EmbeddingChoice {
  std::vector<std::size_t> accepted;  // dimensions of the last one that agreed
  /// What Open Bandit Pipeline returns: the same where one disagreed; else the one before the last.
  std::vector<std::size_t> pipeline;
};

/// Args: n_dims: at least 1; at most kMostExactDims for kExact.  estimate: of a set of dimensions.
EmbeddingChoice select_embeddings(
    std::size_t n_dims, Prune prune,
    const std::function<Deviation(std::span<const std::size_t>)>& estimate);

/// Mean of terms and its two-sided Student-t half width at confidence 1 - delta; n > 1.
Deviation student_deviation(std::span<const double> terms, double delta = 0.05);

}  // namespace rehearsal
