#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/page_cells.h"
#include "sim/core/registry.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Rounds as estimators see them: rewards of one metric and the weights of one evaluation policy,
/// column by column, borrowed. A ranked list is one round; a single recommendation a round with
/// one slot, whose page, cascade and item-position weights are one column. Columns that the
/// estimators in use do not need may be empty. "Slot" columns are ragged: round i owns
/// [slot_offsets[i], slot_offsets[i + 1]).
struct WeightedRounds {
  std::span<const std::uint32_t> slot_offsets;    // (n_rounds + 1), from any first value on;
                                                  // empty: each round has one slot
  std::span<const double> reward;                 // (slots) position_reward
  std::span<const double> page_weight;            // (n_rounds) of the whole page
  std::span<const double> cascade_weight;         // (slots) of slots 0..k
  std::span<const double> item_position_weight;   // (slots) of this module at this slot
  std::span<const double> pseudo_inverse_weight;  // (n_rounds) q_pi' Gamma^+ 1_s
  std::span<const double> q_hat;                  // (slots) predicted reward of what was shown
  std::span<const double> direct;    // (n_rounds) sum_k sum_m pi(m at k | x) q_hat(x, k, m)
  std::span<const double> pscore{};  // (n_rounds) behavior's probability, of single actions

  std::size_t size() const {
    return slot_offsets.empty() ? reward.size() : slot_offsets.size() - 1;
  }
};

/// What an estimator reads. kPscore: the propensity itself, which only single actions have.
/// kCells: outcomes and weights item by item, cells of a page in the place of its slots.
enum class Need : std::uint8_t {
  kPage,
  kCascade,
  kItemPosition,
  kPseudoInverse,
  kQHat,
  kPscore,
  kCells
};

/// A value that is a sum of ratios of sums, V = sum_j c_j (sum_i N_ij) / (sum_i D_ij): all
/// estimators here have this shape, so that variances, lifts and the bootstrap are written once.
struct RatioPart {
  static constexpr std::size_t kRounds = ~std::size_t{0};  // D_ij = 1
  std::size_t numerator = 0;                               // column of the terms
  std::size_t denominator = kRounds;                       // column of the terms, or kRounds
  double scale = 1;                                        // c_j, a known number
};

struct TermLayout {
  std::size_t n_columns = 0;
  std::vector<RatioPart> parts;
};

/// The number that a family of estimators leaves open.
struct Hyperparameter {
  std::string name;
  double low = 0;  // allowed, both ends included
  double high = 0;
  double default_value = 0;
  std::vector<double> grid;  // what is scored where nobody names a value
  std::string help;
  bool caps_weights = false;  // no weight counts as more than it
  bool whole = false;         // a count: whole numbers only, or inf
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
  ///       parameter: of the family; not read without one.
  void (*terms)(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
                std::span<double> out) = nullptr;
  std::string alias{};  // what other tools call it, "" where nothing else
  std::optional<Hyperparameter> parameter{};
  /// Of kCells: the weight, in item_position_weight; its columns above are the hyper-parameter.
  std::optional<CellWeight> cells{};

  bool uses(Need need) const;
};

/// Every estimator, one line each.
const Registry<EstimatorEntry>& estimators();

/// An estimator with its hyper-parameter fixed.
struct Estimator {
  const EstimatorEntry* entry = nullptr;
  double parameter = 0;  // 0 where the entry has none
  std::string name;      // "dr", "dr_clip_10"

  TermLayout layout(std::size_t n_slots) const { return entry->layout(n_slots); }
  void terms(const WeightedRounds& rounds, std::size_t n_slots, std::span<double> out) const {
    entry->terms(rounds, n_slots, parameter, out);
  }
};

/// "dr", "ipw" (an alias), "dr_clip_10" or "dros_inf": the hyper-parameter after the last
/// underscore, its default where it is left out.
/// Args: where: start of messages, or "". Raises: Error(kInput) for an unknown name and a value
/// out of range.
Estimator parse_estimator(const std::string& name, const std::string& where = "");
/// An entry at a hyper-parameter, named "NAME_VALUE".
Estimator estimator_at(const EstimatorEntry& entry, double parameter);
/// The value of "FAMILY_VALUE", if `text` is of that form: a number, or inf.
std::optional<double> parameter_of(const std::string& family, const std::string& text);
/// A hyper-parameter as names spell it: 0.01, 2, inf.
std::string parameter_text(double parameter);

/// V of column sums. Args: sums: (n_columns). Returns: NaN where a denominator is 0.
double ratio_value(const TermLayout& layout, std::span<const double> sums, double n_rounds);

/// dV / d(sum of column c) at these sums, and dV / d(n_rounds).
/// Args: gradient: (n_columns + 1), the last entry for n_rounds.
void ratio_gradient(const TermLayout& layout, std::span<const double> sums, double n_rounds,
                    std::span<double> gradient);

/// The estimate from all rounds at once. Raises: Error(kInput) for no rounds.
double estimate_value(const Estimator& estimator, const WeightedRounds& rounds,
                      std::size_t n_slots);

}  // namespace rehearsal
