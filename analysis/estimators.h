#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sim/core/registry.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Rounds as estimators see them: rewards of one metric and the weights of one evaluation policy,
/// column by column, borrowed. A ranked list is one round; a single recommendation a round with
/// one slot, whose page, cascade and item-position weights are one column. Columns that the
/// estimators in use do not need may be empty. "Slot" columns are ragged: round i owns
/// [slot_offsets[i], slot_offsets[i + 1]).
struct WeightedRounds {
  std::span<const std::uint32_t> slot_offsets;    // (n_rounds + 1), from any first value on
  std::span<const double> reward;                 // (slots) position_reward
  std::span<const double> page_weight;            // (n_rounds) of the whole page
  std::span<const double> cascade_weight;         // (slots) of slots 0..k
  std::span<const double> item_position_weight;   // (slots) of this module at this slot
  std::span<const double> pseudo_inverse_weight;  // (n_rounds) q_pi' Gamma^+ 1_s
  std::span<const double> q_hat;                  // (slots) predicted reward of what was shown
  std::span<const double> direct;  // (n_rounds) sum_k sum_m pi(m at k | x) q_hat(x, k, m)

  std::size_t size() const { return slot_offsets.empty() ? 0 : slot_offsets.size() - 1; }
};

/// What an estimator reads.
enum class Need : std::uint8_t { kPage, kCascade, kItemPosition, kPseudoInverse, kQHat };

/// A value that is a sum of ratios of sums, V = sum_j (sum_i N_ij) / (sum_i D_ij): all estimators
/// here have this shape, so that variances, lifts and the bootstrap are written once.
struct RatioPart {
  static constexpr std::size_t kRounds = ~std::size_t{0};  // D_ij = 1
  std::size_t numerator = 0;                               // column of the terms
  std::size_t denominator = kRounds;                       // column of the terms, or kRounds
};

struct TermLayout {
  std::size_t n_columns = 0;
  std::vector<RatioPart> parts;
};

/// A line of analysis/estimators.cc.
struct EstimatorEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<Need> needs;
  /// Args: n_slots: most slots a page has.
  TermLayout (*layout)(std::size_t n_slots) = nullptr;
  /// Each round's terms. A page with fewer than n_slots slots has weight 1 and reward 0 there.
  /// Args: out: (n_rounds, layout(n_slots).n_columns), row-major, overwritten.
  void (*terms)(const WeightedRounds& rounds, std::size_t n_slots, std::span<double> out) = nullptr;

  bool uses(Need need) const;
};

/// Every estimator, one line each.
const Registry<EstimatorEntry>& estimators();

/// V of column sums. Args: sums: (n_columns). Returns: NaN where a denominator is 0.
double ratio_value(const TermLayout& layout, std::span<const double> sums, double n_rounds);

/// dV / d(sum of column c) at these sums, and dV / d(n_rounds).
/// Args: gradient: (n_columns + 1), the last entry for n_rounds.
void ratio_gradient(const TermLayout& layout, std::span<const double> sums, double n_rounds,
                    std::span<double> gradient);

/// The estimate from all rounds at once. Raises: Error(kInput) for no rounds.
double estimate_value(const EstimatorEntry& estimator, const WeightedRounds& rounds,
                      std::size_t n_slots);

}  // namespace rehearsal
