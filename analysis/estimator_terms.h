#pragma once

// What the lines of analysis/estimators.cc are made of: layouts, and the terms of each round. For
// that table only.

#include "analysis/estimators.h"
#include "analysis/shrinkage.h"

namespace rehearsal::terms {

// --- layouts: see TermLayout ---------------------------------------------------

TermLayout mean(std::size_t n_slots);
TermLayout self_normalized(std::size_t n_slots);
/// Each position has its own ratio: numerators first, then denominators.
TermLayout per_slot(std::size_t n_slots);
TermLayout direct_and_per_slot(std::size_t n_slots);

// --- terms ---------------------------------------------------------------------

using Weights = std::span<const double>;

/// Calls f(i, first, last) with the slots of each round.
template <class F>
void each_round(const WeightedRounds& rounds, F&& f) {
  if (rounds.slot_offsets.empty()) {
    for (std::size_t i = 0; i < rounds.size(); ++i) f(i, i, i + 1);
    return;
  }
  const std::size_t base = rounds.slot_offsets[0];
  for (std::size_t i = 0; i < rounds.size(); ++i)
    f(i, rounds.slot_offsets[i] - base, rounds.slot_offsets[i + 1] - base);
}

inline double page_reward(const WeightedRounds& rounds, std::size_t first, std::size_t last) {
  double reward = 0;
  for (std::size_t s = first; s < last; ++s) reward += rounds.reward[s];
  return reward;
}

/// A propensity where there is one: only single actions have, and only some shrinkages ask.
inline double pscore_of(const WeightedRounds& rounds, std::size_t i) {
  return rounds.pscore.empty() ? 1.0 : rounds.pscore[i];
}

/// Whole-page weights, shrunken, times the page's reward.
template <class Shrinkage>
void ips(const WeightedRounds& rounds, std::size_t /*n_slots*/, double parameter,
         std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    out[i] = Shrinkage::of(rounds.page_weight[i], pscore_of(rounds, i), parameter) *
             page_reward(rounds, first, last);
  });
}

/// The direct term, corrected by shrunken item-position weights.
template <class Shrinkage>
void dr(const WeightedRounds& rounds, std::size_t /*n_slots*/, double parameter,
        std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    double sum = rounds.direct[i];
    for (std::size_t s = first; s < last; ++s)
      sum += Shrinkage::of(rounds.item_position_weight[s], pscore_of(rounds, i), parameter) *
             (rounds.reward[s] - rounds.q_hat[s]);
    out[i] = sum;
  });
}

/// Shrunken whole-page weights, divided by their mean.
template <class Shrinkage>
void snips(const WeightedRounds& rounds, std::size_t /*n_slots*/, double parameter,
           std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    const double weight = Shrinkage::of(rounds.page_weight[i], pscore_of(rounds, i), parameter);
    out[2 * i] = weight * page_reward(rounds, first, last);
    out[2 * i + 1] = weight;
  });
}

/// (1 / lambda) log(1 + lambda w r) of whole pages; lambda = 0 is the limit w r. NaN where
/// lambda w r <= -1: for rewards of at least 0.
void log_smoothing(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
                   std::span<double> out);
// The rest has no hyper-parameter: it is not read.
void iips(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
          std::span<double> out);
void sniips(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
            std::span<double> out);
void rips(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
          std::span<double> out);
void snrips(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
            std::span<double> out);
void pi(const WeightedRounds& rounds, std::size_t n_slots, double parameter, std::span<double> out);
void snpi(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
          std::span<double> out);
void dm(const WeightedRounds& rounds, std::size_t n_slots, double parameter, std::span<double> out);
void sndr(const WeightedRounds& rounds, std::size_t n_slots, double parameter,
          std::span<double> out);

}  // namespace rehearsal::terms
