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

}  // namespace rehearsal
