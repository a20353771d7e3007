#pragma once

#include <memory>
#include <vector>

#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Where the draws of one slate come from.
struct SlateAddress {
  Draw purpose = Draw::kPolicy;
  Turn turn;
  std::span<const std::uint16_t> choice_ids;  // (n_choices) a choice's own noise is at its id + 1
  std::uint32_t item_base = 0;                // the coin of a mixture is at item_base
};

/// A policy's distribution over slates, for a batch of decisions: decision i orders the best
/// n_positions(i) of its n_choices(i) choices, without repetition. A slate is the sequence of the
/// chosen indices (0-based, into the decision's choices). All probabilities are exact.
class SlateDistribution {
 public:
  /// Args: choice_offsets: (n + 1), CSR.  n_positions: (n), each <= the decision's choices.
  SlateDistribution(Offsets choice_offsets, std::vector<std::uint16_t> n_positions)
      : choice_offsets_(std::move(choice_offsets)), n_positions_(std::move(n_positions)) {}
  virtual ~SlateDistribution() = default;

  std::size_t size() const { return n_positions_.size(); }
  std::size_t n_choices(std::size_t i) const { return choice_offsets_[i + 1] - choice_offsets_[i]; }
  std::size_t n_positions(std::size_t i) const { return n_positions_[i]; }
  const Offsets& choice_offsets() const { return choice_offsets_; }

  /// Every probability is 0 or 1.
  virtual bool deterministic() const = 0;
  /// Decisions with equal non-zero patterns have the same distribution (given equal n_choices and
  /// n_positions): what is costly is then computed once. 0: not known to repeat.
  virtual std::uint64_t pattern(std::size_t /*i*/) const { return 0; }
  /// Draws a slate. Args: slate: (n_positions).
  /// Returns: the component of a mixture that drew it, else 0.
  virtual std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                              std::span<std::uint16_t> slate) const = 0;
  /// P(s_0), P(s_0, s_1), ... Args: slate, out: (l) with l <= n_positions.
  virtual void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                                    std::span<double> out) const = 0;
  /// P(choice c at position k). Args: out: (n_positions, n_choices).
  virtual void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const = 0;
  /// P(s_k at k) of every position of a slate. Args: as prefix_probabilities.
  virtual void position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                                      std::span<double> out) const;
  /// P(choice a at position j and choice b at position k), row j * n_choices + a, column
  /// k * n_choices + b: the matrix Gamma of the pseudo-inverse estimator (Swaminathan et al.,
  /// NIPS 2017). Args: out: (n_positions * n_choices, the same).
  /// Returns: false where it is not to be had exactly (out is then untouched).
  virtual bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const = 0;

 private:
  Offsets choice_offsets_;
  std::vector<std::uint16_t> n_positions_;
};

/// Always the choices by descending score; equal scores in the order of the choices.
std::unique_ptr<SlateDistribution> make_deterministic(Offsets choice_offsets,
                                                      std::vector<std::uint16_t> n_positions,
                                                      std::vector<double> scores);
/// Always the slate that is given. Args: slates: (n_choices in all), of which the first n_positions
/// of each decision are its slate.
std::unique_ptr<SlateDistribution> make_fixed(Offsets choice_offsets,
                                              std::vector<std::uint16_t> n_positions,
                                              std::vector<std::uint16_t> slates);
/// Plackett-Luce with these log weights (score / temperature), (n_choices in all).
/// Sampling by Gumbel top-k; marginals by double-exponential quadrature over the
/// exponential-clock form; pair marginals by sums over sets, where that takes about a second.
/// Raises: Error(kRuntime) for a log weight that is not finite.
std::unique_ptr<SlateDistribution> make_plackett_luce(Offsets choice_offsets,
                                                      std::vector<std::uint16_t> n_positions,
                                                      std::vector<double> log_weights);
/// Every ordered selection equally likely; closed forms.
std::unique_ptr<SlateDistribution> make_uniform(Offsets choice_offsets,
                                                std::vector<std::uint16_t> n_positions);
/// With probability weights[c], and one coin a slate, what parts[c] draws. Weights sum to 1. One
/// coin decides among the parts of parts that are mixtures themselves too; sample() returns c, the
/// index into `parts` as given.
std::unique_ptr<SlateDistribution> make_mixture(
    std::vector<std::unique_ptr<SlateDistribution>> parts, std::vector<double> weights);

/// A Beta distribution.
struct Beta {
  double a = 1;
  double b = 1;
};
/// Choices ordered by independent Beta draws, one a choice and slate (Thompson sampling with frozen
/// posteriors). Order probabilities by nested one-dimensional quadrature, marginals by
/// Poisson-binomial quadrature, to 1e-8; cached by (group, set of choices).
/// Args: posteriors: (n_groups, n_ids).  group: (n) row of each decision.
///       choice_ids: (n_choices in all) column of each choice.
/// Raises: Error(kRuntime) for a parameter outside [0.1, 1e9].
class BetaPosteriors;
std::shared_ptr<const BetaPosteriors> make_beta_posteriors(
    std::vector<std::vector<Beta>> posteriors);
std::unique_ptr<SlateDistribution> make_thompson(Offsets choice_offsets,
                                                 std::vector<std::uint16_t> n_positions,
                                                 std::shared_ptr<const BetaPosteriors> posteriors,
                                                 std::vector<std::uint32_t> group,
                                                 std::vector<std::uint16_t> choice_ids);

}  // namespace rehearsal
