#include <cmath>

#include "sim/core/error.h"
#include "sim/slate/choices.h"

namespace rehearsal {

namespace {

/// One slate a decision, found once.
class Deterministic final : public SlateDistribution {
 public:
  Deterministic(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
                const std::vector<double>& scores)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        slates_(scores.size()) {
    REHEARSAL_CHECK(SlateDistribution::choice_offsets().back() == scores.size());
    for (std::size_t i = 0; i < size(); ++i) {
      const std::size_t first = SlateDistribution::choice_offsets()[i];
      const std::span<const double> of_choices{scores.data() + first, n_choices(i)};
      for (const double score : of_choices)
        if (std::isnan(score))
          throw Error(ErrorKind::kRuntime, "a policy's score of decision " + std::to_string(i) +
                                               " of a batch is not a number");
      REHEARSAL_CHECK(SlateDistribution::n_positions(i) <= n_choices(i));
      take_largest(of_choices, {slates_.data() + first, SlateDistribution::n_positions(i)});
    }
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

 private:
  std::span<const std::uint16_t> slate_of(std::size_t i) const {
    return {slates_.data() + choice_offsets()[i], n_positions(i)};
  }

  std::vector<std::uint16_t> slates_;  // (n_choices in all), the first n_positions of each decision
};

}  // namespace

std::unique_ptr<SlateDistribution> make_deterministic(Offsets choice_offsets,
                                                      std::vector<std::uint16_t> n_positions,
                                                      std::vector<double> scores) {
  return std::make_unique<Deterministic>(std::move(choice_offsets), std::move(n_positions), scores);
}

}  // namespace rehearsal
