#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/estimators.h"
#include "analysis/term_sums.h"
#include "sim/core/registry.h"

namespace rehearsal {

/// Probabilities of one logged thing under the two policies.
struct PropensityColumns {
  std::span<const double> evaluation;  // (rows), >= 0
  std::span<const double> behavior;    // (rows), in (0, 1]

  bool empty() const { return behavior.empty(); }
};

/// What users look at, as a model has it, and how well an item is liked once looked at.
struct ExaminationColumns {
  std::span<const double> shown;       // (rows) e_k of the logged slate, in (0, 1]
  std::span<const double> evaluation;  // (rows) its mean over evaluation slates with this item here
  std::span<const double> relevance;   // (rows) r_hat of the item
  std::span<const double> baseline;    // (rows) mean of e_k r_hat over evaluation slates
};

/// Logged slates column by column, borrowed: one row a position, slate after slate, positions from
/// the first on. Columns that the estimators in use do not need may be empty. Slates may differ in
/// length.
struct SlateColumns {
  std::span<const std::uint32_t> slate_offsets;  // (n_slates + 1) into the rows
  std::span<const double> reward;                // (rows)
  PropensityColumns slate;                       // of the whole slate, repeated at its positions
  PropensityColumns item_position;               // of the item at its position
  PropensityColumns cascade;                     // of the items down to this position
  std::size_t n_actions = 0;
  std::span<const std::uint32_t> action;  // (rows)
  std::span<const double> q_hat;          // (rows, n_actions) value of this and later positions
  std::span<const double> action_dist;    // (rows, n_actions) evaluation policy, given the prefix
  ExaminationColumns examination = {};
  PropensityColumns influence{};  // of the items that influence this position
  PropensityColumns latent{};     // of the slate's latent value, repeated at its positions
  PropensityColumns exposure{};   // sum_j theta_j P(this item at j); theta = 1: that it is shown

  std::size_t size() const { return slate_offsets.empty() ? 0 : slate_offsets.size() - 1; }
  std::size_t n_rows() const { return reward.size(); }
  /// Positions of the longest slate.
  std::size_t n_positions() const;
};

/// What a slate estimator reads beside rewards.
enum class SlateNeed : std::uint8_t {
  kSlate,
  kItemPosition,
  kCascade,
  kQHat,
  kExamination,
  kRelevance,
  kInfluence,
  kLatent,
  kExposure
};

/// A line of analysis/slate_estimators.cc.
struct SlateEstimatorEntry {
  std::string name;
  std::string summary;
  std::string source;
  std::vector<SlateNeed> needs;
  /// Columns of a position stand side by side, positions in order, so that longer slates add to the
  /// end. Args: share: (n_positions) of the slates that have each position.
  TermLayout (*layout)(std::span<const double> share) = nullptr;
  /// Each slate's terms, whatever the other slates are.
  /// Args: out: (n_slates, layout(...).n_columns), overwritten.
  void (*terms)(const SlateColumns& slates, std::size_t n_positions,
                std::span<double> out) = nullptr;

  /// Whether every column that it reads is there.
  bool fits(const SlateColumns& slates) const;
};

/// Estimators of slates from stored probabilities, one line each: sips, iips,
/// rips, aips, lips, click_ips, their self-normalized forms, cascade_dr, sncascade_dr, le_iips,
/// ed_dr.
const Registry<SlateEstimatorEntry>& slate_estimators();

/// What one estimator needs of slates, block by block.
class SlateSums {
 public:
  /// Args: estimator: outlives the sums.
  explicit SlateSums(const SlateEstimatorEntry& estimator);
  /// Raises: Error(kInput) for absent columns.
  void add(const SlateColumns& slates);
  /// Sums of other slates, of the same estimator.
  void add(const SlateSums& other);
  PointEstimate estimate() const;

 private:
  /// Makes room for slates of so many positions.
  void widen(std::size_t n_positions);

  const SlateEstimatorEntry* estimator_;
  std::vector<double> count_;  // (n_positions) slates that have each
  TermSums sums_;
};

/// The estimate from all slates at once. Raises: Error(kInput) for no slates or absent columns.
PointEstimate estimate_slates(const SlateEstimatorEntry& estimator, const SlateColumns& slates);

}  // namespace rehearsal
