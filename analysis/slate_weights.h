#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "sim/slate.h"

namespace rehearsal {

// Importance weights of one logged slate, and what goes with them. Where a
// slate's reward is the sum of its positions', a weight a position multiplies that position's
// reward, and one weight multiplies the sum.

// --- pseudo-inverse in closed form (Swaminathan et al., NIPS 2017)
// --------------------------------

/// Product logging, items may repeat: 1 - l + sum_k ratio_k.
/// Args: ratio: (l) pi(s_k at k) / mu(s_k at k).
double product_pseudo_inverse(std::span<const double> ratio);
/// Uniform logging of l of m items in order, without repetition.
/// Args: marginals: (l, m) of the evaluation policy.  slate: (l).
double uniform_pseudo_inverse(const Eigen::Ref<const RowMatrix>& marginals,
                              std::span<const std::uint16_t> slate);

// --- click models (Li et al., KDD 2018)
// ------------------------------------------------------------

enum class ClickWeight : std::uint8_t {
  kItemPosition,   // pi(a at k) / mu(a at k)
  kPositionBased,  // sum_j theta_j pi(a at j) / sum_j theta_j mu(a at j)
  kDocument        // the same with theta = 1: P_pi(a shown) / P_mu(a shown)
};
/// Weights of the clicks on a slate. Args: theta: (l) examination of each position, for
/// kPositionBased.  pi, mu: (l, m) marginals.  slate, out: (l).  clip: largest weight.
/// Raises: Error(kInput) where the denominator of a shown item is 0.
void click_model_weights(ClickWeight kind, std::span<const double> theta,
                         const Eigen::Ref<const RowMatrix>& pi,
                         const Eigen::Ref<const RowMatrix>& mu,
                         std::span<const std::uint16_t> slate, std::span<double> out,
                         double clip = std::numeric_limits<double>::infinity());

// --- influence sets (Kiyohara et al., KDD 2023)
// -----------------------------------------------------

/// P(s_j at j for every j of a set of positions), the other positions summed over; exact, at the
/// cost of enumerating what stands above the lowest of the set.
/// Args: positions: bit j for position j, of at most 32.
double sub_slate_probability(const SlateDistribution& slates, std::size_t i,
                             std::span<const std::uint16_t> slate, std::uint32_t positions);
/// Adaptive IPS: the weight of position k is the ratio over the positions that influence its
/// reward. Args: influence: (l) the set of each position.  slate, out: (l).
/// Raises: Error(kInput) where the logging policy never shows a logged sub-slate.
void influence_weights(const SlateDistribution& pi, const SlateDistribution& mu, std::size_t i,
                       std::span<const std::uint16_t> slate,
                       std::span<const std::uint32_t> influence, std::span<double> out);

// --- latent slates (Kiyohara et al., WWW 2024)
// -------------------------------------------------------

/// p(phi) = sum_s p(s) p(phi | s). Args: probability: (n_slates) of an enumeration, or 1 / n each
/// of a sample.  latent: (n_slates, n_latent), rows sum to 1.
std::vector<double> latent_marginals(std::span<const double> probability,
                                     const Eigen::Ref<const RowMatrix>& latent);
/// sum_phi p(phi | s) p_pi(phi) / p_mu(phi): the expectation over phi of LIPS's weight, which has
/// its mean and no more than its variance. Args: each (n_latent).
/// Raises: Error(kInput) where p_mu is 0 and p(phi | s) is not.
double latent_weight(std::span<const double> latent, std::span<const double> pi,
                     std::span<const double> mu);

// --- additions
// ----------------------------------------------------------------------------------------

/// direct_i + w_i (r_i - q_i) of every round: the doubly robust form of any weight (PI-DR with
/// pseudo-inverse weights). Args: direct: model under the evaluation policy.  q: of what was shown.
std::vector<double> doubly_robust_terms(std::span<const double> weight,
                                        std::span<const double> reward, std::span<const double> q,
                                        std::span<const double> direct);

/// Coefficients that leave terms - controls beta the least variance, for controls of mean 0:
/// E[u u']^+ E[u term] (Vlassis et al., ICML 2021). One control G - 1 for the pseudo-inverse weight
/// G gives their single form, the l controls pi_k / mu_k - 1 of product logging the multiple one,
/// the indicators less their marginals any logging policy's.
/// Args: terms: (n).  controls: (n, c).  probability: (n) of each row; empty: 1 / n each.
std::vector<double> control_coefficients(std::span<const double> terms,
                                         const Eigen::Ref<const RowMatrix>& controls,
                                         std::span<const double> probability = {});
/// terms - controls beta: the mean stays for any beta that these rows did not choose.
std::vector<double> controlled_terms(std::span<const double> terms,
                                     const Eigen::Ref<const RowMatrix>& controls,
                                     std::span<const double> beta);
/// Each fold's terms with the coefficients of the others: unbiased. Row i is in fold i % n_folds.
/// Args: n_folds: in [2, n].
std::vector<double> cross_fitted_terms(std::span<const double> terms,
                                       const Eigen::Ref<const RowMatrix>& controls,
                                       std::size_t n_folds);

}  // namespace rehearsal
