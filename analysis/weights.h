#pragma once

#include <vector>

#include "analysis/estimators.h"
#include "sim/log/log.h"
#include "sim/policy.h"
#include "sim/slate/pseudo_inverse.h"

namespace rehearsal {

/// Which weights are wanted; the rest stay empty.
struct WeightNeeds {
  bool page = false;
  bool cascade = false;
  bool item_position = false;
  bool pseudo_inverse = false;
  bool direct = false;   // marginals of the evaluation policy, for the direct method
  bool support = false;  // where the behaviour shows nothing
  bool items = false;    // item orders differ between the policies: their ratio counts too
  bool cells = false;    // the policy's own probabilities, of which analysis/cell_columns.h makes
                         // weights item by item

  bool marginals() const { return pseudo_inverse || direct || support; }
};

/// The behaviour's side of a batch of logged rounds, shared by all evaluation policies. "Cells" are
/// (slot, eligible module) pairs: round i owns [cell_offsets[i], cell_offsets[i + 1]), slot-major.
struct LoggedRounds {
  const LogBatch* batch = nullptr;
  std::vector<std::uint16_t> choice;      // (slots) place of the shown module among the eligible
  Offsets cell_offsets{0};                // (n_rounds + 1)
  std::vector<double> gamma_inverse;      // (cells) Gamma^+ 1_s of the logged page
  std::vector<std::uint8_t> unsupported;  // (cells) 1 where the behaviour's marginal is 0
};

/// One evaluation policy's weights on those rounds.
struct PolicyWeights {
  std::vector<double> page;            // (n_rounds)
  std::vector<double> cascade;         // (slots)
  std::vector<double> item_position;   // (slots)
  std::vector<double> pseudo_inverse;  // (n_rounds)
  std::vector<double> marginals;       // (cells) pi(module at slot)
  Propensities own;                    // of the logged pages; for needs.items and needs.cells
};

/// Args: batch: outlives the result.  behavior: its distribution over the batch's requests, or null
///       where neither pseudo_inverse nor support is wanted.
/// Raises: Error(kInput) for a propensity outside (0, 1], a column that is missing, a page that
///         shows what is not eligible, or a behaviour without exact pair marginals.
LoggedRounds logged_rounds(const LogBatch& batch, const SlateDistribution* behavior,
                           const WeightNeeds& needs, PseudoInverseCache& cache);

/// Importance weights pi / mu of decisions. Args: slates: the evaluation
/// policy's, over the batch's requests.  needs: without items and cells.
void slate_weights(const LoggedRounds& logged, const SlateDistribution& slates,
                   const WeightNeeds& needs, PolicyWeights& out);
/// The same of a policy's pages, item orders included where needs.items (C.5).
/// Raises: as Policy::distribution.
void policy_weights(const LoggedRounds& logged, const Policy& policy, const WeightNeeds& needs,
                    PolicyWeights& out);

/// Probabilities of the logged pages under a distribution over their requests, as a log has them
/// (items apart). Args: logged: made with no needs.
Propensities module_propensities(const LoggedRounds& logged, const SlateDistribution& slates);

/// sum_k sum_m pi(m at k) q_hat(x, k, m). Args: q_hat: (cells).  out: (n_rounds).
void direct_term(const LoggedRounds& logged, const PolicyWeights& weights,
                 std::span<const double> q_hat, std::vector<double>& out);

/// q_hat of what was shown. Args: q_hat: (cells).  out: (slots).
void shown_q_hat(const LoggedRounds& logged, std::span<const double> q_hat,
                 std::vector<double>& out);

}  // namespace rehearsal
