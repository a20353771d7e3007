#include "policies/online/normal_slates.h"

#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "sim/slate/choices.h"
#include "sim/slate/draw_order.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostPairSlates = 100000;

class NormalDraws final : public SlateDistribution {
 public:
  NormalDraws(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
              std::vector<double> means, std::vector<double> deviations)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        means_(std::move(means)),
        deviations_(std::move(deviations)) {
    REHEARSAL_CHECK(means_.size() == SlateDistribution::choice_offsets().back() &&
                    deviations_.size() == means_.size());
    for (std::size_t c = 0; c < means_.size(); ++c)
      if (!std::isfinite(means_[c]) || !(deviations_[c] > 0) || !std::isfinite(deviations_[c]))
        throw Error(ErrorKind::kRuntime, "a posterior's score is no normal number");
  }

  bool deterministic() const override { return false; }

  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const std::size_t m = n_choices(i);
    const std::size_t first = choice_offsets()[i];
    std::vector<std::uint64_t> bits(m);
    choice_bits(rng, address, bits);
    std::vector<double> draw(m);
    for (std::size_t c = 0; c < m; ++c) draw[c] = (static_cast<double>(bits[c]) + 0.5) * 0x1p-53;
    normal_quantiles(draw);
    for (std::size_t c = 0; c < m; ++c)
      draw[c] = means_[first + c] + deviations_[first + c] * draw[c];
    take_largest<double>(draw, slate);
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    if (slate.empty()) return;
    const std::vector<double> prefixes = draw_prefixes(grid(i), columns(i), slate);
    std::copy(prefixes.begin(), prefixes.end(), out.begin());
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    if (out.size() == 0) return;
    const std::vector<double> all = draw_marginals(grid(i), columns(i), n_positions(i));
    out = Eigen::Map<const RowMatrix>(all.data(), out.rows(), out.cols());
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    if (count_slates(n_choices(i), n_positions(i), kMostPairSlates) > kMostPairSlates) return false;
    if (out.size() == 0) return true;
    const std::vector<double> all = draw_pairs(grid(i), columns(i), n_positions(i));
    out = Eigen::Map<const RowMatrix>(all.data(), out.rows(), out.cols());
    return true;
  }

 private:
  DrawGrid grid(std::size_t i) const {
    const std::size_t first = choice_offsets()[i];
    return normal_grid({means_.data() + first, n_choices(i)},
                       {deviations_.data() + first, n_choices(i)});
  }

  std::vector<std::size_t> columns(std::size_t i) const {
    std::vector<std::size_t> columns(n_choices(i));
    std::iota(columns.begin(), columns.end(), std::size_t{0});
    return columns;
  }

  std::vector<double> means_;
  std::vector<double> deviations_;
};

}  // namespace

std::unique_ptr<SlateDistribution> make_normal_draws(Offsets choice_offsets,
                                                     std::vector<std::uint16_t> n_positions,
                                                     std::vector<double> means,
                                                     std::vector<double> deviations) {
  return std::make_unique<NormalDraws>(std::move(choice_offsets), std::move(n_positions),
                                       std::move(means), std::move(deviations));
}

}  // namespace rehearsal
