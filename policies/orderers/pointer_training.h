#pragma once

#include <vector>

#include "policies/orderers/page_evaluator.h"
#include "policies/orderers/pointer_network.h"

// What a pointer network learns by. Each function is the loss of a mini-batch: builds the pass and
// sets the gradients of its outputs, divided by the number of pages.
namespace rehearsal {

/// Logged pages with what their slots are worth.
struct ValuedPages {
  const OrderedPages& pages;
  std::vector<double> value;       // (n_slots)
  std::size_t position = kAbsent;  // parameter with the logits of places; kAbsent: none
};

/// Supervised along the logged page (Bello et al., arXiv 1810.02019, section 4.2): -sum_t 1 /
/// |left| sum_{i left} y_i log p_t(i), `left` the modules of slots t and on with a value, p_t over
/// the shown modules that are not yet placed.
double supervised_loss(const PointerNetwork& network, Tape& tape, const ValuedPages& logged,
                       std::span<const std::uint32_t> rows);

/// -sum_t w_t (y_t - baseline_t), w_t = min(pi(s_0 ... s_t) / mu(s_0 ... s_t), cap) over the exact
/// propensities of the log: REINFORCE (Williams, Machine Learning 1992) off-policy, slot by slot.
/// Args: baseline: (most slots of a page) subtracted from what slot t is worth.
double logged_reward_loss(const PointerNetwork& network, Tape& tape, const ValuedPages& logged,
                          std::span<const double> baseline, double weight_cap,
                          std::span<const std::uint32_t> rows);

/// REINFORCE with pages of the network's own, drawn `samples` times a request and valued by an
/// evaluator; the baseline of each is the mean of the others (Kool et al., 2019).
/// Returns: minus the mean value of the pages drawn, summed over the requests.
double evaluator_loss(const PointerNetwork& network, Tape& tape, const CandidatePages& pages,
                      const PageEvaluator& evaluator, double purchase_weight, std::size_t samples,
                      const Rng& rng, int epoch, std::span<const std::uint32_t> rows);

}  // namespace rehearsal
