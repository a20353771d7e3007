#pragma once

#include <span>

#include "sim/core/types.h"

// Gradients of Plackett-Luce pages with respect to the logits of a page's eligible modules.
namespace rehearsal {

/// log P(s_k | s_0 ... s_{k-1}) of every slot k.
/// Args: logits: (n_eligible) finite.  slate: (n_slots) distinct indices.  out: (n_slots).
void step_log_probabilities(std::span<const double> logits, std::span<const std::uint16_t> slate,
                            std::span<double> out);

/// gradient += sum_k slopes[k] * d log P(s_k | s_0 ... s_{k-1}) / d logits.
/// Args: slopes: (n_slots).  gradient: (n_eligible).
void add_step_gradients(std::span<const double> logits, std::span<const std::uint16_t> slate,
                        std::span<const double> slopes, std::span<double> gradient);

/// P(c | s_0 ... s_{k-1}) of every choice, 0 for those placed before. Args: out: (n_eligible).
void step_distribution(std::span<const double> logits, std::span<const std::uint16_t> slate,
                       std::size_t k, std::span<double> out);

/// gradient += scale times what one sampled ranking says of the gradient of the expected
/// sum_k theta_k rho_{y_k}: PL-Rank-3 (Oosterhuis, SIGIR 2022). Its mean over rankings drawn with
/// these logits is exact.
/// Args: theta: (K) weight of a rank.  rho: (n_eligible) value of a choice.
///       ranking: (K) distinct indices, K <= n_eligible.
void add_pl_rank(std::span<const double> logits, std::span<const double> theta,
                 std::span<const double> rho, std::span<const std::uint16_t> ranking, double scale,
                 std::span<double> gradient);

}  // namespace rehearsal
