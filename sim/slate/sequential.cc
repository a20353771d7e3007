#include "sim/slate/sequential.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <string>

#include "sim/core/error.h"
#include "sim/slate/beam.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"
#include "sim/slate/set_walk.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostSlates = 1000000;
constexpr double kMostSteps = 4e6;      // of sets, about a second
constexpr double kMostPairSteps = 1e8;  // the same
constexpr std::size_t kBlock = 4096;    // prefixes asked for at once

/// The logits of one decision made probabilities.
class StepTable {
 public:
  StepTable(const NextChoice& next, double temperature) : next_(next), temperature_(temperature) {
    REHEARSAL_CHECK(temperature > 0);
  }

  /// log P(choice | prefix), kInfeasible for what may not come next.
  /// Args: out: (prefixes.n, n_choices).  Raises: Error(kRuntime) where nothing may.
  void log_probabilities(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const {
    next_.logits(i, prefixes, out);
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      const auto at = static_cast<Eigen::Index>(r);
      normalise(i, prefixes.row(r), {out.row(at).data(), static_cast<std::size_t>(out.cols())});
    }
  }

 private:
  void normalise(std::size_t i, std::span<const std::uint16_t> prefix,
                 std::span<double> row) const {
    for (const std::uint16_t placed : prefix) row[placed] = kInfeasible;
    double most = kInfeasible;
    for (double& logit : row) {
      if (logit == kInfeasible) continue;
      if (!std::isfinite(logit))
        throw Error(ErrorKind::kRuntime, "a policy's score of decision " + std::to_string(i) +
                                             " of a batch is " + std::to_string(logit) +
                                             ", not a finite number");
      logit /= temperature_;
      most = std::max(most, logit);
    }
    if (most == kInfeasible)
      throw Error(ErrorKind::kRuntime, "decision " + std::to_string(i) +
                                           " of a batch: no choice may take position " +
                                           std::to_string(prefix.size()));
    double sum = 0;
    for (const double logit : row) sum += std::exp(logit - most);
    const double log_sum = most + std::log(sum);
    for (double& logit : row) logit -= log_sum;
  }

  const NextChoice& next_;
  double temperature_;
};

/// Logits that no prefix changes.
class FixedLogits final : public NextChoice {
 public:
  FixedLogits(Offsets choice_offsets, std::vector<double> logits,
              std::vector<std::uint64_t> patterns)
      : choice_offsets_(std::move(choice_offsets)),
        logits_(std::move(logits)),
        patterns_(std::move(patterns)) {}

  void logits(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    const Eigen::Map<const Eigen::RowVectorXd> own(logits_.data() + choice_offsets_[i], out.cols());
    for (std::size_t r = 0; r < prefixes.n; ++r) out.row(static_cast<Eigen::Index>(r)) = own;
  }
  std::uint64_t pattern(std::size_t i) const override { return patterns_[i]; }
  std::vector<std::uint16_t> kinds(std::size_t i) const override {
    const auto first = logits_.begin();
    return kinds_of(
        std::vector<double>(first + choice_offsets_[i], first + choice_offsets_[i + 1]));
  }

 private:
  Offsets choice_offsets_;
  std::vector<double> logits_;
  std::vector<std::uint64_t> patterns_;
};

class Sequential final : public SlateDistribution, public Restrictable {
 public:
  Sequential(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
             std::shared_ptr<const NextChoice> next, double temperature)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        next_(std::move(next)),
        temperature_(temperature),
        steps_(*next_, temperature) {}

  bool deterministic() const override { return false; }

  std::uint64_t pattern(std::size_t i) const override { return next_->pattern(i); }

  /// At each step the feasible choice whose clock rings first; the time that passes is taken off
  /// the clocks in proportion to their rates, which leaves them standard exponential again.
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const std::size_t m = n_choices(i);
    Scratch<std::uint64_t> bits(m);
    choice_bits(rng, address, bits.span());
    Scratch<double> clock(m);
    for (std::size_t c = 0; c < m; ++c) {
      // As Plackett-Luce: many bits rang early, so that early clocks are finely resolved.
      const double early = (static_cast<double>(kAllBits - bits[c]) + 0.5) * 0x1p-53;
      clock[c] = -std::log1p(-early);
    }
    RowMatrix step(1, m);
    Prefixes prefix{1, 0, {}};
    for (std::uint16_t& chosen : slate) {
      steps_.log_probabilities(i, prefix, step);
      double first = INFINITY;
      std::size_t at = m;
      for (std::size_t c = 0; c < m; ++c) {
        const double rate = std::exp(step(0, static_cast<Eigen::Index>(c)));
        if (rate == 0 || clock[c] / rate >= first) continue;
        first = clock[c] / rate;
        at = c;
      }
      for (std::size_t c = 0; c < m; ++c) {
        const double rate = std::exp(step(0, static_cast<Eigen::Index>(c)));
        clock[c] = std::max(clock[c] - rate * first, 0.0);
      }
      REHEARSAL_CHECK(at < m);
      chosen = static_cast<std::uint16_t>(at);
      prefix.choice.push_back(chosen);
      ++prefix.length;
    }
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    RowMatrix step(1, n_choices(i));
    Prefixes prefix{1, 0, {}};
    double log_probability = 0;
    std::fill_n(out.begin(), slate.size(), 0.0);
    for (std::size_t k = 0; k < slate.size(); ++k) {
      steps_.log_probabilities(i, prefix, step);
      log_probability += step(0, slate[k]);
      if (log_probability == kInfeasible) return;
      out[k] = std::exp(std::min(log_probability, 0.0));
      prefix.choice.push_back(slate[k]);
      ++prefix.length;
    }
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::uint64_t own = pattern(i);
    if (own == 0) return sum_marginals(i, out);
    const std::array<std::uint64_t, 3> key{own, n_choices(i), n_positions(i)};
    const std::lock_guard lock(mutex_);
    auto found = known_.find(key);
    if (found == known_.end()) {
      RowMatrix sums(out.rows(), out.cols());
      sum_marginals(i, sums);
      found = known_.emplace(key, std::move(sums)).first;
    }
    out = found->second;
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::optional<SetWalk> sets = sets_of(i);
    if (sets && sets->pair_steps() <= kMostPairSteps) {
      out.setZero();
      sets->pair_marginals(out);
      return true;
    }
    if (count_slates(n_choices(i), n_positions(i), kMostSlates) > kMostSlates) return false;
    out.setZero();
    enumerate(i, [&](std::span<const std::uint16_t> prefix, double probability) {
      add_pairs(prefix, probability, n_choices(i), out);
    });
    return true;
  }

  /// The model itself sees what is placed, so the rules stand at each of its steps.
  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    return make_sequential(choice_offsets(), std::move(n_positions),
                           under_rules(next_, std::move(rules)), temperature_);
  }

 private:
  static constexpr std::uint64_t kAllBits = (std::uint64_t{1} << 53) - 1;

  /// None where the order of what is placed counts.
  std::optional<SetWalk> sets_of(std::size_t i) const {
    const std::vector<std::uint16_t> kinds = next_->kinds(i);
    if (kinds.size() != n_choices(i)) return std::nullopt;
    return SetWalk(kinds, n_positions(i), [this, i](const Prefixes& placed, auto p) {
      steps_.log_probabilities(i, placed, p);
      // Not Eigen's exp, which is a little more than 0 at minus infinity.
      p = p.unaryExpr([](double log_p) { return std::exp(log_p); });
    });
  }

  void sum_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const {
    const std::size_t last = n_positions(i);
    const std::optional<SetWalk> sets = sets_of(i);
    if (sets && sets->steps() <= kMostSteps) {
      out.setZero();
      return sets->marginals(out);
    }
    if (count_slates(n_choices(i), last, kMostSlates) > kMostSlates)
      throw Error(ErrorKind::kRuntime,
                  "the probability that a step-by-step policy shows a choice at a position is a "
                  "sum over all slates, and decision " +
                      std::to_string(i) + " of a batch has more than " +
                      std::to_string(kMostSlates) + " of " + std::to_string(last) + " of " +
                      std::to_string(n_choices(i)) + " choices");
    out.setZero();
    enumerate(i, [&](std::span<const std::uint16_t> prefix, double probability) {
      out(static_cast<Eigen::Index>(prefix.size() - 1), prefix.back()) += probability;
    });
  }

  /// Calls visit(prefix, probability) for every prefix that can be, shorter ones first.
  template <class Visit>
  void enumerate(std::size_t i, Visit&& visit) const {
    const std::size_t m = n_choices(i);
    Prefixes level{1, 0, {}};
    std::vector<double> probability{1};
    for (std::size_t k = 0; k < n_positions(i); ++k) {
      Prefixes longer{0, k + 1, {}};
      std::vector<double> of_longer;
      for (std::size_t first = 0; first < level.n; first += kBlock) {
        const std::size_t n = std::min(kBlock, level.n - first);
        const auto from = level.choice.begin() + static_cast<std::ptrdiff_t>(first * k);
        const Prefixes block{n, k, {from, from + static_cast<std::ptrdiff_t>(n * k)}};
        RowMatrix step(n, m);
        steps_.log_probabilities(i, block, step);
        for (std::size_t r = 0; r < n; ++r)
          for (std::size_t c = 0; c < m; ++c) {
            const double p = probability[first + r] * std::exp(step(static_cast<Eigen::Index>(r),
                                                                    static_cast<Eigen::Index>(c)));
            if (p == 0) continue;
            longer.add(block, r, static_cast<std::uint16_t>(c));
            of_longer.push_back(p);
            visit(longer.row(longer.n - 1), p);
          }
      }
      level = std::move(longer);
      probability = std::move(of_longer);
    }
  }

  std::shared_ptr<const NextChoice> next_;
  double temperature_;
  StepTable steps_;
  mutable std::mutex mutex_;
  // Marginals by pattern, numbers of choices and of positions.
  mutable std::map<std::array<std::uint64_t, 3>, RowMatrix> known_;
};

}  // namespace

std::vector<std::uint16_t> all_different(std::size_t n) {
  std::vector<std::uint16_t> kinds(n);
  std::iota(kinds.begin(), kinds.end(), std::uint16_t{0});
  return kinds;
}

std::shared_ptr<const NextChoice> fixed_logits(Offsets choice_offsets, std::vector<double> logits,
                                               std::vector<std::uint64_t> patterns) {
  return std::make_shared<FixedLogits>(std::move(choice_offsets), std::move(logits),
                                       std::move(patterns));
}

std::unique_ptr<SlateDistribution> make_sequential(Offsets choice_offsets,
                                                   std::vector<std::uint16_t> n_positions,
                                                   std::shared_ptr<const NextChoice> next,
                                                   double temperature) {
  return std::make_unique<Sequential>(std::move(choice_offsets), std::move(n_positions),
                                      std::move(next), temperature);
}

std::unique_ptr<SlateDistribution> make_beam(Offsets choice_offsets,
                                             std::vector<std::uint16_t> n_positions,
                                             const NextChoice& next, std::size_t width,
                                             double temperature) {
  const StepTable steps(next, temperature);
  std::vector<std::uint16_t> slates(choice_offsets.back());
  for (std::size_t i = 0; i < n_positions.size(); ++i) {
    const std::size_t first = choice_offsets[i];
    const std::vector<std::uint16_t> slate =
        beam_search(choice_offsets[i + 1] - first, n_positions[i], width,
                    [&](const Prefixes& prefixes, std::span<const double> values,
                        Eigen::Ref<RowMatrix> longer) {
                      steps.log_probabilities(i, prefixes, longer);
                      for (std::size_t r = 0; r < prefixes.n; ++r)
                        longer.row(static_cast<Eigen::Index>(r)).array() += values[r];
                    });
    REHEARSAL_CHECK(slate.size() == n_positions[i]);
    std::copy(slate.begin(), slate.end(), slates.begin() + static_cast<std::ptrdiff_t>(first));
  }
  return make_fixed(std::move(choice_offsets), std::move(n_positions), std::move(slates));
}

}  // namespace rehearsal
