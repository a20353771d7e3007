#include "policies/listed_slates.h"

#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

class Listed final : public SlateDistribution, public Restrictable {
 public:
  Listed(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
         std::vector<ListedSlates> lists, bool deterministic)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        lists_(std::move(lists)),
        deterministic_(deterministic) {
    REHEARSAL_CHECK(lists_.size() == size());
  }

  bool deterministic() const override { return deterministic_; }

  /// The coin's number u picks the first slate whose cumulated probability exceeds it.
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const ListedSlates& list = lists_[i];
    std::size_t row = 0;
    if (list.size() > 1) {
      const double u = address_uniform(rng, address.purpose, address.turn, address.item_base);
      double sum = 0;
      for (std::size_t r = 0; r < list.size(); ++r) {
        if (list[r].second <= 0) continue;  // rounding never shows what cannot be shown
        row = r;
        sum += list[r].second;
        if (u < sum) break;
      }
    }
    std::copy(list[row].first.begin(), list[row].first.end(), slate.begin());
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 0.0);
    for (const auto& [listed, p] : lists_[i])
      for (std::size_t k = 0; k < slate.size() && listed[k] == slate[k]; ++k) out[k] += p;
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    out.setZero();
    for (const auto& [listed, p] : lists_[i])
      for (std::size_t k = 0; k < listed.size(); ++k)
        out(static_cast<Eigen::Index>(k), listed[k]) += p;
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    out.setZero();
    const std::size_t m = n_choices(i);
    for (const auto& [listed, p] : lists_[i])
      for (std::size_t j = 0; j < listed.size(); ++j)
        for (std::size_t k = 0; k < listed.size(); ++k)
          out(static_cast<Eigen::Index>(j * m + listed[j]),
              static_cast<Eigen::Index>(k * m + listed[k])) += p;
    return true;
  }

  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> positions) const override {
    std::vector<ListedSlates> lists(size());
    for (std::size_t i = 0; i < size(); ++i)
      for (const auto& [order, p] : lists_[i]) {
        REHEARSAL_CHECK(order.size() == n_choices(i));
        std::vector<std::uint16_t> slate(positions[i]);
        filter_order(*rules, i, order, slate);
        lists[i].emplace_back(std::move(slate), p);
      }
    return make_listed(choice_offsets(), std::move(positions), std::move(lists), deterministic_);
  }

 private:
  std::vector<ListedSlates> lists_;
  bool deterministic_;
};

}  // namespace

std::unique_ptr<SlateDistribution> make_listed(Offsets choice_offsets,
                                               std::vector<std::uint16_t> n_positions,
                                               std::vector<ListedSlates> lists,
                                               bool deterministic) {
  return std::make_unique<Listed>(std::move(choice_offsets), std::move(n_positions),
                                  std::move(lists), deterministic);
}

}  // namespace rehearsal
