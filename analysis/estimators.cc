#include "analysis/estimators.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace rehearsal {

namespace {

using Weights = std::span<const double>;

// --- layouts ---------------------------------------------------------------

TermLayout mean_layout(std::size_t /*n_slots*/) { return {1, {{0, RatioPart::kRounds}}}; }

TermLayout self_normalized_layout(std::size_t /*n_slots*/) { return {2, {{0, 1}}}; }

/// Each position has its own ratio: numerators first, then denominators.
TermLayout per_slot_layout(std::size_t n_slots) {
  TermLayout layout{2 * n_slots, {}};
  for (std::size_t k = 0; k < n_slots; ++k) layout.parts.push_back({k, n_slots + k});
  return layout;
}

TermLayout direct_and_per_slot_layout(std::size_t n_slots) {
  TermLayout layout = per_slot_layout(n_slots);
  layout.parts.push_back({layout.n_columns, RatioPart::kRounds});
  ++layout.n_columns;
  return layout;
}

// --- terms -----------------------------------------------------------------

/// Calls f(i, first, last) with the slots of each round.
template <class F>
void each_round(const WeightedRounds& rounds, F&& f) {
  const std::size_t base = rounds.slot_offsets.empty() ? 0 : rounds.slot_offsets[0];
  for (std::size_t i = 0; i < rounds.size(); ++i)
    f(i, rounds.slot_offsets[i] - base, rounds.slot_offsets[i + 1] - base);
}

double page_reward(const WeightedRounds& rounds, std::size_t first, std::size_t last) {
  double reward = 0;
  for (std::size_t s = first; s < last; ++s) reward += rounds.reward[s];
  return reward;
}

void whole_page(const WeightedRounds& rounds, Weights weight, std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    out[i] = weight[i] * page_reward(rounds, first, last);
  });
}

void self_normalized_page(const WeightedRounds& rounds, Weights weight, std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    out[2 * i] = weight[i] * page_reward(rounds, first, last);
    out[2 * i + 1] = weight[i];
  });
}

void slot_sum(const WeightedRounds& rounds, Weights weight, std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    double sum = 0;
    for (std::size_t s = first; s < last; ++s) sum += weight[s] * rounds.reward[s];
    out[i] = sum;
  });
}

/// Args: residual: subtracts q_hat from rewards.  width: columns a round takes in out.
void per_slot(const WeightedRounds& rounds, Weights weight, bool residual, std::size_t n_slots,
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

void ips(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  whole_page(rounds, rounds.page_weight, out);
}

void snips(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  self_normalized_page(rounds, rounds.page_weight, out);
}

void iips(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  slot_sum(rounds, rounds.item_position_weight, out);
}

void sniips(const WeightedRounds& rounds, std::size_t n_slots, std::span<double> out) {
  per_slot(rounds, rounds.item_position_weight, false, n_slots, 2 * n_slots, out);
}

void rips(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  slot_sum(rounds, rounds.cascade_weight, out);
}

void snrips(const WeightedRounds& rounds, std::size_t n_slots, std::span<double> out) {
  per_slot(rounds, rounds.cascade_weight, false, n_slots, 2 * n_slots, out);
}

void pi(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  whole_page(rounds, rounds.pseudo_inverse_weight, out);
}

void snpi(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  self_normalized_page(rounds, rounds.pseudo_inverse_weight, out);
}

void dm(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  std::copy(rounds.direct.begin(), rounds.direct.end(), out.begin());
}

void dr(const WeightedRounds& rounds, std::size_t /*n_slots*/, std::span<double> out) {
  each_round(rounds, [&](std::size_t i, std::size_t first, std::size_t last) {
    double sum = rounds.direct[i];
    for (std::size_t s = first; s < last; ++s)
      sum += rounds.item_position_weight[s] * (rounds.reward[s] - rounds.q_hat[s]);
    out[i] = sum;
  });
}

void sndr(const WeightedRounds& rounds, std::size_t n_slots, std::span<double> out) {
  const std::size_t width = 2 * n_slots + 1;
  per_slot(rounds, rounds.item_position_weight, true, n_slots, width, out);
  for (std::size_t i = 0; i < rounds.size(); ++i) out[i * width + 2 * n_slots] = rounds.direct[i];
}

std::vector<EstimatorEntry> table() {
  return {
      {"ips",
       "whole-page importance weights: unbiased whatever users do, large variance",
       "Horvitz and Thompson, JASA 1952; Precup et al., ICML 2000",
       {Need::kPage},
       mean_layout,
       ips},
      {"snips",
       "whole-page weights divided by their mean",
       "Swaminathan and Joachims, NIPS 2015",
       {Need::kPage},
       self_normalized_layout,
       snips},
      {"iips",
       "item-position weights: each slot's reward depends on its own module alone",
       "Li et al., KDD 2018",
       {Need::kItemPosition},
       mean_layout,
       iips},
      {"sniips",
       "item-position weights divided by their mean at each slot",
       "Li et al., KDD 2018; Swaminathan and Joachims, NIPS 2015",
       {Need::kItemPosition},
       per_slot_layout,
       sniips},
      {"rips",
       "cascade weights: a slot's reward depends on it and the slots above",
       "McInerney et al., KDD 2020",
       {Need::kCascade},
       mean_layout,
       rips},
      {"snrips",
       "cascade weights divided by their mean at each slot",
       "McInerney et al., KDD 2020",
       {Need::kCascade},
       per_slot_layout,
       snrips},
      {"pi",
       "pseudo-inverse: the page's reward is a sum over (slot, module)",
       "Swaminathan et al., NIPS 2017",
       {Need::kPseudoInverse},
       mean_layout,
       pi},
      {"snpi",
       "pseudo-inverse weights divided by their mean",
       "Swaminathan et al., NIPS 2017",
       {Need::kPseudoInverse},
       self_normalized_layout,
       snpi},
      {"dm",
       "direct method: the reward model alone, biased where it is wrong",
       "Beygelzimer and Langford, KDD 2009",
       {Need::kQHat},
       mean_layout,
       dm},
      {"dr",
       "doubly robust: the reward model, corrected by item-position weights",
       "Dudik et al., Statistical Science 2014",
       {Need::kItemPosition, Need::kQHat},
       mean_layout,
       dr},
      {"sndr",
       "doubly robust with weights divided by their mean at each slot",
       "Dudik et al., Statistical Science 2014; Swaminathan and Joachims, NIPS 2015",
       {Need::kItemPosition, Need::kQHat},
       direct_and_per_slot_layout,
       sndr},
  };
}

}  // namespace

bool EstimatorEntry::uses(Need need) const {
  return std::find(needs.begin(), needs.end(), need) != needs.end();
}

const Registry<EstimatorEntry>& estimators() {
  static const Registry<EstimatorEntry> registry("estimator", table());
  return registry;
}

double ratio_value(const TermLayout& layout, std::span<const double> sums, double n_rounds) {
  double value = 0;
  for (const RatioPart& part : layout.parts) {
    const double denominator =
        part.denominator == RatioPart::kRounds ? n_rounds : sums[part.denominator];
    if (denominator == 0) return std::numeric_limits<double>::quiet_NaN();
    value += sums[part.numerator] / denominator;
  }
  return value;
}

void ratio_gradient(const TermLayout& layout, std::span<const double> sums, double n_rounds,
                    std::span<double> gradient) {
  std::fill(gradient.begin(), gradient.end(), 0.0);
  for (const RatioPart& part : layout.parts) {
    const bool by_rounds = part.denominator == RatioPart::kRounds;
    const double denominator = by_rounds ? n_rounds : sums[part.denominator];
    gradient[part.numerator] += 1 / denominator;
    gradient[by_rounds ? layout.n_columns : part.denominator] -=
        sums[part.numerator] / (denominator * denominator);
  }
}

double estimate_value(const EstimatorEntry& estimator, const WeightedRounds& rounds,
                      std::size_t n_slots) {
  if (rounds.size() == 0)
    throw Error(ErrorKind::kInput, estimator.name + ": there are no rounds to estimate from");
  const TermLayout layout = estimator.layout(n_slots);
  std::vector<double> terms(rounds.size() * layout.n_columns);
  estimator.terms(rounds, n_slots, terms);
  std::vector<double> sums(layout.n_columns, 0.0);
  for (std::size_t i = 0; i < rounds.size(); ++i)
    for (std::size_t c = 0; c < layout.n_columns; ++c) sums[c] += terms[i * layout.n_columns + c];
  return ratio_value(layout, sums, static_cast<double>(rounds.size()));
}

}  // namespace rehearsal
