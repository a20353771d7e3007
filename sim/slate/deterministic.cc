#include <cmath>

#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

/// One slate a decision, found once.
class Deterministic final : public SlateDistribution, public Restrictable {
 public:
  /// Args: slates: (n_choices in all), the first n_positions of each decision.
  Deterministic(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
                std::vector<std::uint16_t> slates)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        slates_(std::move(slates)) {
    REHEARSAL_CHECK(SlateDistribution::choice_offsets().back() == slates_.size());
    for (std::size_t i = 0; i < size(); ++i)
      REHEARSAL_CHECK(SlateDistribution::n_positions(i) <= n_choices(i));
  }

  bool deterministic() const override { return true; }

  std::uint64_t pattern(std::size_t i) const override {
    const std::span<const std::uint16_t> shown = slate_of(i);
    // Exact while it fits: 15 positions of 4 bits, closed by a 1.
    if (n_choices(i) <= 16 && shown.size() <= 15) {
      std::uint64_t packed = 1;
      for (const std::uint16_t choice : shown) packed = packed << 4 | choice;
      return packed;
    }
    std::uint64_t pattern = shown.size();
    for (const std::uint16_t choice : shown) pattern = mix_pattern(pattern, choice);
    return pattern;
  }

  std::uint8_t sample(std::size_t i, const Rng&, const SlateAddress&,
                      std::span<std::uint16_t> slate) const override {
    const std::span<const std::uint16_t> shown = slate_of(i);
    std::copy(shown.begin(), shown.end(), slate.begin());
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    const std::span<const std::uint16_t> shown = slate_of(i);
    double probability = 1;
    for (std::size_t k = 0; k < slate.size(); ++k) {
      if (slate[k] != shown[k]) probability = 0;
      out[k] = probability;
    }
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const std::uint16_t> shown = slate_of(i);
    out.setZero();
    for (std::size_t k = 0; k < shown.size(); ++k) out(static_cast<Eigen::Index>(k), shown[k]) = 1;
  }

  void position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                              std::span<double> out) const override {
    const std::span<const std::uint16_t> shown = slate_of(i);
    for (std::size_t k = 0; k < slate.size(); ++k) out[k] = slate[k] == shown[k] ? 1 : 0;
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const std::uint16_t> shown = slate_of(i);
    out.setZero();
    for (std::size_t k = 1; k <= shown.size(); ++k) add_pairs(shown.first(k), 1, n_choices(i), out);
    return true;
  }

  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    std::vector<std::uint16_t> slates(slates_.size());
    for (std::size_t i = 0; i < size(); ++i) {
      if (SlateDistribution::n_positions(i) != n_choices(i))
        throw Error(ErrorKind::kInput,
                    "a policy that places some of the modules only cannot be held to constraints: "
                    "what it would have placed instead is not known");
      filter_order(*rules, i, slate_of(i), {slates.data() + choice_offsets()[i], n_positions[i]});
    }
    return make_fixed(choice_offsets(), std::move(n_positions), std::move(slates));
  }

 private:
  std::span<const std::uint16_t> slate_of(std::size_t i) const {
    return {slates_.data() + choice_offsets()[i], n_positions(i)};
  }

  std::vector<std::uint16_t> slates_;
};

}  // namespace

std::unique_ptr<SlateDistribution> make_fixed(Offsets choice_offsets,
                                              std::vector<std::uint16_t> n_positions,
                                              std::vector<std::uint16_t> slates) {
  return std::make_unique<Deterministic>(std::move(choice_offsets), std::move(n_positions),
                                         std::move(slates));
}

std::unique_ptr<SlateDistribution> make_deterministic(Offsets choice_offsets,
                                                      std::vector<std::uint16_t> n_positions,
                                                      std::vector<double> scores) {
  REHEARSAL_CHECK(choice_offsets.back() == scores.size());
  std::vector<std::uint16_t> slates(scores.size());
  for (std::size_t i = 0; i < n_positions.size(); ++i) {
    const std::size_t first = choice_offsets[i];
    const std::span<const double> of_choices{scores.data() + first, choice_offsets[i + 1] - first};
    for (const double score : of_choices)
      if (std::isnan(score))
        throw Error(ErrorKind::kRuntime, "a policy's score of decision " + std::to_string(i) +
                                             " of a batch is not a number");
    REHEARSAL_CHECK(n_positions[i] <= of_choices.size());
    take_largest(of_choices, {slates.data() + first, n_positions[i]});
  }
  return make_fixed(std::move(choice_offsets), std::move(n_positions), std::move(slates));
}

}  // namespace rehearsal
