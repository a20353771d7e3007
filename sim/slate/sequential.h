#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "sim/slate.h"
#include "sim/slate/prefixes.h"

// Slates placed step by step, where what comes next depends on what stands above: one model of the
// next choice, and its slates drawn, decoded greedily or by a beam.
namespace rehearsal {

/// The logit of a choice that may not come next.
inline constexpr double kInfeasible = -std::numeric_limits<double>::infinity();

/// How much each choice is wanted next. One object serves a batch of decisions and may be asked by
/// several threads at once.
class NextChoice {
 public:
  virtual ~NextChoice() = default;
  /// Logits of decision i's choices behind each prefix, finite or kInfeasible; what a prefix holds
  /// already is left out by the caller. A row depends on its own prefix alone, to the last bit: not
  /// on the other rows nor on what was asked before.
  /// Args: logits: (prefixes.n, n_choices).
  virtual void logits(std::size_t i, const Prefixes& prefixes,
                      Eigen::Ref<RowMatrix> logits) const = 0;
  /// As SlateDistribution::pattern.
  virtual std::uint64_t pattern(std::size_t /*i*/) const { return 0; }
  /// Where a row depends on what stands above as a set and not on its order: which of decision i's
  /// choices are alike, so that no row changes but for their names when two of them change places.
  /// Returns: (n_choices) equal numbers for those, from 0 on; empty where the order counts.
  virtual std::vector<std::uint16_t> kinds(std::size_t /*i*/) const { return {}; }
};

/// NextChoice::kinds of choices of which no two are alike.
std::vector<std::uint16_t> all_different(std::size_t n);

/// Logits that no prefix changes: the softmax of them is Plackett-Luce. Args: logits: (n_choices in
/// all).  patterns: (n) as NextChoice::pattern.
std::shared_ptr<const NextChoice> fixed_logits(Offsets choice_offsets, std::vector<double> logits,
                                               std::vector<std::uint64_t> patterns);

/// Position by position, a choice with probability softmax(logits / temperature) among those that
/// are feasible and not yet placed (a pointer network, Vinyals et al., NIPS 2015). A choice's own
/// exponential clock runs at the rate that the softmax gives it, and what is left of it lasts: with
/// logits that ignore the prefix the draws are those of Plackett-Luce, and policies that agree
/// meet the same luck. Marginals and pair marginals are sums over the sets that may be placed where
/// the model says `kinds` (SetWalk), else over all slates, up to 1e6; beyond, marginals raise
/// Error(kRuntime).
/// Raises: Error(kRuntime), when asked, for a logit that is neither finite nor kInfeasible and for
/// a position that nothing may take.
std::unique_ptr<SlateDistribution> make_sequential(Offsets choice_offsets,
                                                   std::vector<std::uint16_t> n_positions,
                                                   std::shared_ptr<const NextChoice> next,
                                                   double temperature = 1);

/// Always the likeliest slate that a beam finds: at every position the `width` likeliest prefixes
/// are kept, by the sum of their log probabilities (width 1: greedy). Equally likely ones stay in
/// the order of their choices.
/// Raises: Error(kRuntime) as make_sequential, at once.
std::unique_ptr<SlateDistribution> make_beam(Offsets choice_offsets,
                                             std::vector<std::uint16_t> n_positions,
                                             const NextChoice& next, std::size_t width,
                                             double temperature = 1);

}  // namespace rehearsal
