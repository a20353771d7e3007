#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "policies/off_policy/weighted_pages.h"

// What the learners raise, apart from how they train: for tests, which compare each with the
// gradient of a value that is enumerated.
namespace rehearsal {

/// sum_k w_k r_k.
std::unique_ptr<WeightedPages> ips_objective(double weight_cap);
/// sum_k w_k (r_k - baseline_k).
std::unique_ptr<WeightedPages> baseline_objective(double weight_cap, std::vector<double> baselines);
/// sum_k log(1 + lambda w_k r_k) / lambda, never above IPS.
std::unique_ptr<WeightedPages> log_objective(double weight_cap, double lambda);
/// mean u - lambda sqrt(Var u / n) with u = sum_k w_k r_k, by its majorised form of each epoch
/// (Swaminathan and Joachims, ICML 2015, section 5): with u_0 and V_0 at the epoch's start,
/// sqrt(V) <= const + B mean u + C mean u^2, C = n / (2 (n - 1) sqrt(V_0)), B = -2 mean u_0 C. At
/// the epoch's start the majorised form and the penalty itself have one gradient.
std::unique_ptr<WeightedPages> variance_penalty(double weight_cap, double lambda);

/// Expected rewards of the eligible modules of page i at slot k. Args: out: (n_eligible).
using SlotRewards = std::function<void(const LoggedPages& pages, std::size_t i, std::size_t k,
                                       std::span<double> out)>;
/// sum_k w_k (r_k - q_k(s_k)) + w_{k-1} sum_c pi(c | s_0 ... s_{k-1}) q_k(c): Cascade-DR (Kiyohara
/// et al., WSDM 2022) with a q_hat of each slot's own reward.
std::unique_ptr<PageObjective> dr_objective(double weight_cap, SlotRewards q_hat);
/// sum_k w_k r_k with w_k = prod_{j<=k} p(e_j | s_0 ... s_{j-1}) / mu(e_j | s_0 ... s_{j-1}), e_j
/// the cluster of s_j: marginalised weights (Saito and Joachims, ICML 2022) slot by slot. Unbiased
/// for pages whose clusters this policy picks and whose modules inside a cluster mu does. Args:
/// cluster_of: (n_modules).  cluster_pscore: (n_slots of all pages) mu(e_k | ...).
std::unique_ptr<PageObjective> mips_objective(double weight_cap,
                                              std::vector<std::uint16_t> cluster_of,
                                              std::vector<double> cluster_pscore);

/// POTEC's second stage (Saito et al., ICLR 2025): logits h that regress differences inside a
/// cluster, - sum_c sum_{a, b in c} ((q_a - q_b) - (h_a - h_b))^2 / (4 n_c), with q_a the doubly
/// robust value of a module: q_hat's, and for the module shown what the reward adds to it over its
/// propensity. In expectation q_a - q_b is the true difference, whatever q_hat. One slot a page.
std::unique_ptr<PageObjective> pairwise_objective(SlotRewards q_hat,
                                                  std::vector<std::uint16_t> cluster_of,
                                                  double weight_cap);
/// Logged pages of one slot as choices among clusters, for POTEC's first stage.
struct ClusterPages {
  LoggedPages pages;          // their "modules" are clusters
  std::vector<double> q_hat;  // flat as pages.eligible: f-hat of each cluster's best module
};
/// Its gradient, w (r - f(x, a)) s(c) + E_c[f(x, best of c) s(c)], is that of dr_objective on these
/// pages, whose rewards are r - f(x, a) + f(x, best of c).
/// Args: f_hat: flat as pages.eligible.  cluster_pscore: (n_pages) mu(c | x) of the module shown.
ClusterPages cluster_pages(const LoggedPages& pages, const std::vector<double>& f_hat,
                           const std::vector<std::uint16_t>& cluster_of,
                           std::vector<double> cluster_pscore);

/// A comparison of two modules from a page that showed one of them (Beygelzimer and Langford, KDD
/// 2009): the module shown is said to be better where the reward is at least the offset.
struct OffsetExample {
  bool shown_is_better = false;
  double importance = 0;  // |reward - offset| (p_shown + p_other) / p_shown
};
OffsetExample offset_example(double reward, double offset, double p_shown, double p_other);

/// Gamma^+ 1_s r of page i, (n_shown * n_eligible) slot by slot, in expectation what each module
/// adds at each slot (Swaminathan et al., NIPS 2017, equation 4). Args: inverse: Gamma^+.
std::vector<double> slot_targets(const LoggedPages& pages, std::size_t i, const RowMatrix& inverse);

}  // namespace rehearsal
