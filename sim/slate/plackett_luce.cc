#include <algorithm>
#include <bit>
#include <cmath>

#include "sim/core/error.h"
#include "sim/core/quadrature.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"
#include "sim/slate/sequential.h"

namespace rehearsal {

namespace {

constexpr double kWidestSpread = 700;  // exp() of more is not a number of ours

/// Plackett-Luce: sequential choice without replacement in proportion to weights; the same as
/// ordering by exponential clocks with these rates, the first to ring first.
class PlackettLuce final : public SlateDistribution, public Restrictable {
 public:
  PlackettLuce(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
               std::vector<double> log_weights)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        log_weights_(std::move(log_weights)) {
    REHEARSAL_CHECK(SlateDistribution::choice_offsets().back() == log_weights_.size());
    for (const double weight : log_weights_)
      if (!std::isfinite(weight))
        throw Error(ErrorKind::kRuntime,
                    "a policy's score is " + std::to_string(weight) + ", not a finite number");
  }

  bool deterministic() const override { return false; }

  std::uint64_t pattern(std::size_t i) const override {
    std::uint64_t pattern = 1;
    for (const double weight : weights_of(i))
      pattern = mix_pattern(pattern, std::bit_cast<std::uint64_t>(weight));
    return pattern == 0 ? 1 : pattern;
  }

  /// Gumbel top-k: log weight minus the logarithm of the choice's own standard exponential clock.
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const std::span<const double> log_weights = weights_of(i);
    Scratch<std::uint64_t> bits(log_weights.size());
    choice_bits(rng, address, bits.span());
    Scratch<double> keys(log_weights.size());
    for (std::size_t c = 0; c < log_weights.size(); ++c) {
      // Many bits rang early: 1 - u, so that early clocks, which decide, are finely resolved.
      const double early = (static_cast<double>(kAllBits - bits[c]) + 0.5) * 0x1p-53;
      keys[c] = log_weights[c] - std::log(-std::log1p(-early));
    }
    take_largest<double>(keys.span(), slate);
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    const std::span<const double> log_weights = weights_of(i);
    Scratch<char> used(log_weights.size());
    std::fill_n(used.data(), log_weights.size(), char{0});
    Remaining remaining = sum_remaining(log_weights, used.span());
    double log_probability = 0;
    for (std::size_t k = 0; k < slate.size(); ++k) {
      const double chosen = log_weights[slate[k]];
      log_probability += chosen - remaining.shift - std::log(remaining.sum);
      out[k] = std::exp(std::min(log_probability, 0.0));
      used[slate[k]] = 1;
      if (k + 1 == slate.size()) break;
      remaining.sum -= std::exp(chosen - remaining.shift);
      // Below this the difference loses digits: add up what is left.
      if (remaining.sum < 1e-2 * remaining.at_start)
        remaining = sum_remaining(log_weights, used.span());
    }
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::size_t m = n_choices(i);
    if (n_positions(i) == 1) {
      for (std::size_t c = 0; c < m; ++c) {
        const auto choice = static_cast<std::uint16_t>(c);
        prefix_probabilities(i, {&choice, 1}, {&out(0, static_cast<Eigen::Index>(c)), 1});
      }
      return;
    }
    out.setZero();
    integrate(
        i,
        [&](std::size_t k, std::size_t c) -> double& {
          return out(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(c));
        },
        [&](auto&& visit) {
          for (std::size_t c = 0; c < m; ++c) visit(c, std::size_t{0}, n_positions(i));
        });
  }

  void position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                              std::span<double> out) const override {
    if (slate.size() == 1) return prefix_probabilities(i, slate, out);
    std::fill_n(out.begin(), slate.size(), 0.0);
    integrate(
        i, [&](std::size_t k, std::size_t) -> double& { return out[k]; },
        [&](auto&& visit) {
          for (std::size_t k = 0; k < slate.size(); ++k) visit(slate[k], k, k + 1);
        });
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const double> own = weights_of(i);
    const auto m = static_cast<std::uint32_t>(own.size());
    return make_sequential({0, m}, {static_cast<std::uint16_t>(n_positions(i))},
                           fixed_logits({0, m}, {own.begin(), own.end()}, {0}))
        ->pair_marginals(0, out);
  }

  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    std::vector<std::uint64_t> patterns(size());
    for (std::size_t i = 0; i < size(); ++i) patterns[i] = pattern(i);
    return make_plackett_luce_under(choice_offsets(), std::move(n_positions), log_weights_,
                                    std::move(patterns), std::move(rules));
  }

 private:
  static constexpr std::uint64_t kAllBits = (std::uint64_t{1} << 53) - 1;

  /// The sum of exp(log weight - shift) of what is not yet chosen.
  struct Remaining {
    double shift;
    double sum;
    double at_start;
  };

  static Remaining sum_remaining(std::span<const double> log_weights, std::span<const char> used) {
    double shift = -INFINITY;
    for (std::size_t c = 0; c < log_weights.size(); ++c)
      if (!used[c]) shift = std::max(shift, log_weights[c]);
    double sum = 0;
    for (std::size_t c = 0; c < log_weights.size(); ++c)
      if (!used[c]) sum += std::exp(log_weights[c] - shift);
    return {shift, sum, sum};
  }

  std::span<const double> weights_of(std::size_t i) const {
    return {log_weights_.data() + choice_offsets()[i], n_choices(i)};
  }

  /// P(choice c at position k) = integral of w_c exp(-w_c t) P(k of the other clocks rang by t) dt.
  /// Adds to at(k, c) for what `each` visits: visit(c, first position, one past the last).
  template <class At, class Each>
  void integrate(std::size_t i, At&& at, Each&& each) const {
    const std::span<const double> log_weights = weights_of(i);
    const std::size_t m = log_weights.size();
    if (m == 0) return;
    const auto [low, high] = std::minmax_element(log_weights.begin(), log_weights.end());
    if (*high - *low > kWidestSpread)
      throw Error(ErrorKind::kRuntime,
                  "the marginals of a Plackett-Luce policy need log weights within " +
                      std::to_string(kWidestSpread) + " of each other; these differ by " +
                      std::to_string(*high - *low));
    Scratch<double> rate(m);
    for (std::size_t c = 0; c < m; ++c) rate[c] = std::exp(log_weights[c] - *high);
    const Quadrature rule = half_line(1, std::exp(*high - *low));
    Scratch<double> rang(m);
    Scratch<double, 65> pmf(m + 1);
    Scratch<double> others(m);
    for (std::size_t q = 0; q < rule.node.size(); ++q) {
      for (std::size_t b = 0; b < m; ++b) rang[b] = -std::expm1(-rate[b] * rule.node[q]);
      poisson_binomial(rang.span(), pmf.span());
      each([&](std::size_t c, std::size_t first, std::size_t last) {
        const double density = rule.weight[q] * rate[c] * std::exp(-rate[c] * rule.node[q]);
        poisson_binomial_without(pmf.span(), rang[c], others.span());
        for (std::size_t k = first; k < last; ++k) at(k, c) += density * others[k];
      });
    }
  }

  std::vector<double> log_weights_;  // (n_choices in all)
};

}  // namespace

std::unique_ptr<SlateDistribution> make_plackett_luce(Offsets choice_offsets,
                                                      std::vector<std::uint16_t> n_positions,
                                                      std::vector<double> log_weights) {
  return std::make_unique<PlackettLuce>(std::move(choice_offsets), std::move(n_positions),
                                        std::move(log_weights));
}

}  // namespace rehearsal
