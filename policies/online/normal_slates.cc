#include "policies/online/normal_slates.h"

#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "sim/slate/choices.h"
#include "sim/slate/draw_order.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostPairSlates = 100000;

class NormalDraws final : public SlateDistribution, public Restrictable {
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

  /// Draws are independent, so those of choices with positions of their own change nothing.
  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    const auto refuse = [] {
      throw Error(ErrorKind::kInput,
                  "draws of normal scores cannot be held to a limit that more choices than that "
                  "may reach: the probabilities of its slates under it are not known exactly");
    };
    Offsets offsets{0};
    std::vector<std::uint16_t> n_free, free_choices, taken(means_.size());
    std::vector<double> means, deviations;
    for (std::size_t i = 0; i < size(); ++i) {
      if (rules->limit_binds(i)) refuse();
      const std::size_t first = choice_offsets()[i];
      const std::span<std::uint16_t> here{taken.data() + first, n_positions[i]};
      rules->standing(i, here);
      n_free.push_back(
          static_cast<std::uint16_t>(std::count(here.begin(), here.end(), SlateRules::kFree)));
      for (std::uint16_t c = 0; c < n_choices(i); ++c) {
        if (rules->position(i)[c] != SlateRules::kFree) continue;
        free_choices.push_back(c);
        means.push_back(means_[first + c]);
        deviations.push_back(deviations_[first + c]);
      }
      offsets.push_back(static_cast<std::uint32_t>(means.size()));
    }
    return make_around(choice_offsets(), std::move(n_positions), std::move(taken),
                       std::move(free_choices),
                       make_normal_draws(std::move(offsets), std::move(n_free), std::move(means),
                                         std::move(deviations)));
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
