#include "analysis/estimator_terms.h"

#include <algorithm>
#include <cmath>

namespace rehearsal::terms {

// --- layouts ---------------------------------------------------------------------

TermLayout mean(std::size_t /*n_slots*/) { return {1, {{0, RatioPart::kRounds}}}; }

TermLayout self_normalized(std::size_t /*n_slots*/) { return {2, {{0, 1}}}; }

TermLayout per_slot(std::size_t n_slots) {
  TermLayout layout{2 * n_slots, {}};
  for (std::size_t k = 0; k < n_slots; ++k) layout.parts.push_back({k, n_slots + k});
  return layout;
}

TermLayout direct_and_per_slot(std::size_t n_slots) {
  TermLayout layout = per_slot(n_slots);
  layout.parts.push_back({layout.n_columns, RatioPart::kRounds});
  ++layout.n_columns;
  return layout;
}

// --- terms -----------------------------------------------------------------------

namespace {

void slot_sum(const WeightedRounds& rounds, Weights weight, std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    double sum = 0;
    for (std::size_t s = first; s < last; ++s) sum += weight[s] * rounds.reward[s];
    out[i] = sum;
  });
}

/// Args: residual: subtracts q_hat from rewards.  width: columns a round takes in out.
void slot_ratios(const WeightedRounds& rounds, Weights weight, bool residual, std::size_t n_slots,
                 std::size_t width, std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    double* row = out.data() + i * width;
    for (std::size_t k = 0; k < n_slots; ++k) {
      const std::size_t s = first + k;
      const bool shown = s < last;
      const double reward = shown ? rounds.reward[s] - (residual ? rounds.q_hat[s] : 0.0) : 0.0;
      row[k] = shown ? weight[s] * reward : 0.0;
      row[n_slots + k] = shown ? weight[s] : 1.0;
    }
  });
}

}  // namespace

void log_smoothing(const WeightedRounds& rounds, std::size_t /*n_slots*/, double parameter,
                   std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    const double gain = rounds.page_weight[i] * page_reward(rounds, first, last);
    out[i] = parameter > 0 ? std::log1p(parameter * gain) / parameter : gain;
  });
}

void iips(const WeightedRounds& rounds, std::size_t /*n_slots*/, double /*parameter*/,
          std::span<double> out) {
  slot_sum(rounds, rounds.item_position_weight, out);
}

void sniips(const WeightedRounds& rounds, std::size_t n_slots, double /*parameter*/,
            std::span<double> out) {
  slot_ratios(rounds, rounds.item_position_weight, false, n_slots, 2 * n_slots, out);
}

void rips(const WeightedRounds& rounds, std::size_t /*n_slots*/, double /*parameter*/,
          std::span<double> out) {
  slot_sum(rounds, rounds.cascade_weight, out);
}

void snrips(const WeightedRounds& rounds, std::size_t n_slots, double /*parameter*/,
            std::span<double> out) {
  slot_ratios(rounds, rounds.cascade_weight, false, n_slots, 2 * n_slots, out);
}

void pi(const WeightedRounds& rounds, std::size_t /*n_slots*/, double /*parameter*/,
        std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    out[i] = rounds.pseudo_inverse_weight[i] * page_reward(rounds, first, last);
  });
}

void snpi(const WeightedRounds& rounds, std::size_t /*n_slots*/, double /*parameter*/,
          std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    out[2 * i] = rounds.pseudo_inverse_weight[i] * page_reward(rounds, first, last);
    out[2 * i + 1] = rounds.pseudo_inverse_weight[i];
  });
}

void dm(const WeightedRounds& rounds, std::size_t /*n_slots*/, double /*parameter*/,
        std::span<double> out) {
  std::copy(rounds.direct.begin(), rounds.direct.end(), out.begin());
}

void sndr(const WeightedRounds& rounds, std::size_t n_slots, double /*parameter*/,
          std::span<double> out) {
  if (n_slots == 1 && rounds.slot_offsets.empty()) {
    for (std::size_t i = 0; i < rounds.size(); ++i) {
      const double weight = rounds.item_position_weight[i];
      out[3 * i] = weight * (rounds.reward[i] - rounds.q_hat[i]);
      out[3 * i + 1] = weight;
      out[3 * i + 2] = rounds.direct[i];
    }
    return;
  }
  const std::size_t width = 2 * n_slots + 1;
  slot_ratios(rounds, rounds.item_position_weight, true, n_slots, width, out);
  for (std::size_t i = 0; i < rounds.size(); ++i) out[i * width + 2 * n_slots] = rounds.direct[i];
}

}  // namespace rehearsal::terms
