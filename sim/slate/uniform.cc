#include <algorithm>

#include "sim/slate/choices.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

/// Every ordered selection equally likely.
class Uniform final : public SlateDistribution, public Restrictable {
 public:
  using SlateDistribution::SlateDistribution;

  bool deterministic() const override { return false; }
  std::uint64_t pattern(std::size_t) const override { return 1; }

  /// The choices by descending random bits: what Plackett-Luce gives for equal weights.
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    Scratch<std::uint64_t> bits(n_choices(i));
    choice_bits(rng, address, bits.span());
    take_largest<std::uint64_t>(bits.span(), slate);
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    double probability = 1;
    for (std::size_t k = 0; k < slate.size(); ++k)
      out[k] = probability /= static_cast<double>(n_choices(i) - k);
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    out.setConstant(1.0 / static_cast<double>(n_choices(i)));
  }

  void position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                              std::span<double> out) const override {
    std::fill_n(out.begin(), slate.size(), 1.0 / static_cast<double>(n_choices(i)));
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const Eigen::Index m = static_cast<Eigen::Index>(n_choices(i));
    const Eigen::Index l = static_cast<Eigen::Index>(n_positions(i));
    const double single = 1.0 / static_cast<double>(m);
    const double pair = m > 1 ? single / static_cast<double>(m - 1) : 0;
    out.setConstant(pair);
    for (Eigen::Index k = 0; k < l; ++k)
      for (Eigen::Index j = 0; j < l; ++j) {
        if (j == k) out.block(j * m, k * m, m, m).setZero();
        out.block(j * m, k * m, m, m).diagonal().setConstant(j == k ? single : 0);
      }
    return true;
  }

  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    return make_plackett_luce_under(choice_offsets(), std::move(n_positions),
                                    std::vector<double>(choice_offsets().back()),
                                    std::vector<std::uint64_t>(size(), 1), std::move(rules));
  }
};

}  // namespace

std::unique_ptr<SlateDistribution> make_uniform(Offsets choice_offsets,
                                                std::vector<std::uint16_t> n_positions) {
  return std::make_unique<Uniform>(std::move(choice_offsets), std::move(n_positions));
}

}  // namespace rehearsal
