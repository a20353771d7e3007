#include <algorithm>

#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

constexpr std::uint16_t kFree = SlateRules::kFree;

class Around final : public SlateDistribution {
 public:
  Around(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
         std::vector<std::uint16_t> taken, std::vector<std::uint16_t> free_choices,
         std::unique_ptr<SlateDistribution> free)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        taken_(std::move(taken)),
        free_choices_(std::move(free_choices)),
        free_(std::move(free)) {
    REHEARSAL_CHECK(free_choices_.size() == free_->choice_offsets().back());
    for (std::size_t i = 0; i < size(); ++i) {
      const std::span<const std::uint16_t> here = taken_of(i);
      REHEARSAL_CHECK(static_cast<std::ptrdiff_t>(free_->n_positions(i)) ==
                      std::count(here.begin(), here.end(), kFree));
    }
  }

  bool deterministic() const override { return free_->deterministic(); }

  std::uint64_t pattern(std::size_t i) const override {
    std::uint64_t pattern = free_->pattern(i);
    if (pattern == 0) return 0;
    for (const std::uint16_t choice : taken_of(i)) pattern = mix_pattern(pattern, choice);
    return std::max<std::uint64_t>(pattern, 1);
  }

  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const std::span<const std::uint16_t> choices = free_choices(i);
    std::vector<std::uint16_t> ids;
    for (const std::uint16_t c : choices) ids.push_back(address.choice_ids[c]);
    Scratch<std::uint16_t> order(free_->n_positions(i));
    const std::uint8_t component = free_->sample(
        i, rng, {address.purpose, address.turn, ids, address.item_base}, order.span());
    std::size_t next = 0;
    for (std::size_t k = 0; k < slate.size(); ++k)
      slate[k] = taken_of(i)[k] != kFree ? taken_of(i)[k] : choices[order[next++]];
    return component;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    std::fill_n(out.begin(), slate.size(), 0.0);
    std::vector<std::uint16_t> order;
    const std::size_t n_fit = free_part(i, slate, order);
    std::vector<double> own(order.size());
    if (!order.empty()) free_->prefix_probabilities(i, order, own);
    std::size_t next = 0;
    double probability = 1;
    for (std::size_t k = 0; k < n_fit; ++k) {
      if (taken_of(i)[k] == kFree) probability = own[next++];
      out[k] = probability;
    }
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const std::uint16_t> choices = free_choices(i);
    RowMatrix own(free_->n_positions(i), choices.size());
    if (own.size() > 0) free_->marginals(i, own);
    out.setZero();
    Eigen::Index next = 0;
    for (Eigen::Index k = 0; k < out.rows(); ++k) {
      const std::uint16_t here = taken_of(i)[static_cast<std::size_t>(k)];
      if (here != kFree) {
        out(k, here) = 1;
        continue;
      }
      for (std::size_t c = 0; c < choices.size(); ++c)
        out(k, choices[c]) = own(next, static_cast<Eigen::Index>(c));
      ++next;
    }
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::span<const std::uint16_t> choices = free_choices(i);
    const std::size_t n_free = free_->n_positions(i);
    RowMatrix own(n_free * choices.size(), n_free * choices.size());
    if (own.size() > 0 && !free_->pair_marginals(i, own)) return false;
    RowMatrix single(out.rows() / static_cast<Eigen::Index>(n_choices(i)), n_choices(i));
    marginals(i, single);
    const auto m = static_cast<Eigen::Index>(n_choices(i));
    // The place of a choice at a position among the free ones; -1 where it is taken or never free.
    std::vector<Eigen::Index> at(static_cast<std::size_t>(out.rows()), -1);
    Eigen::Index next = 0;
    for (std::size_t k = 0; k < taken_of(i).size(); ++k) {
      if (taken_of(i)[k] != kFree) continue;
      for (std::size_t c = 0; c < choices.size(); ++c) at[k * n_choices(i) + choices[c]] = next++;
    }
    for (Eigen::Index a = 0; a < out.rows(); ++a)
      for (Eigen::Index b = 0; b < out.cols(); ++b) {
        const Eigen::Index own_a = at[static_cast<std::size_t>(a)];
        const Eigen::Index own_b = at[static_cast<std::size_t>(b)];
        if (own_a >= 0 && own_b >= 0)
          out(a, b) = own(own_a, own_b);
        else  // what stands for good stands whatever the other is
          out(a, b) = single(a / m, a % m) * single(b / m, b % m);
      }
    return true;
  }

 private:
  std::span<const std::uint16_t> taken_of(std::size_t i) const {
    return {taken_.data() + choice_offsets()[i], n_positions(i)};
  }

  /// Those choices of decision i that `free` orders.
  std::span<const std::uint16_t> free_choices(std::size_t i) const {
    return {free_choices_.data() + free_->choice_offsets()[i], free_->n_choices(i)};
  }

  /// The part of a slate that `free` decides, up to the first position that cannot be.
  /// Returns: how many positions can be.
  std::size_t free_part(std::size_t i, std::span<const std::uint16_t> slate,
                        std::vector<std::uint16_t>& order) const {
    const std::span<const std::uint16_t> choices = free_choices(i);
    for (std::size_t k = 0; k < slate.size(); ++k) {
      if (taken_of(i)[k] != kFree) {
        if (slate[k] != taken_of(i)[k]) return k;
        continue;
      }
      const auto found = std::find(choices.begin(), choices.end(), slate[k]);
      if (found == choices.end()) return k;
      order.push_back(static_cast<std::uint16_t>(found - choices.begin()));
    }
    return slate.size();
  }

  std::vector<std::uint16_t> taken_;         // (n_choices in all)
  std::vector<std::uint16_t> free_choices_;  // (free's n_choices in all)
  std::unique_ptr<SlateDistribution> free_;
};

}  // namespace

std::unique_ptr<SlateDistribution> make_around(Offsets choice_offsets,
                                               std::vector<std::uint16_t> n_positions,
                                               std::vector<std::uint16_t> taken,
                                               std::vector<std::uint16_t> free_choices,
                                               std::unique_ptr<SlateDistribution> free) {
  return std::make_unique<Around>(std::move(choice_offsets), std::move(n_positions),
                                  std::move(taken), std::move(free_choices), std::move(free));
}

}  // namespace rehearsal
