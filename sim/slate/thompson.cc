#include <boost/random/gamma_distribution.hpp>

#include "sim/core/error.h"
#include "sim/slate/beta_posteriors.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostThompsonPairs = 100000;

/// Thompson sampling (Thompson, Biometrika 1933) with frozen posteriors.
class Thompson final : public SlateDistribution, public Restrictable {
 public:
  Thompson(Offsets choice_offsets, std::vector<std::uint16_t> n_positions,
           std::shared_ptr<const BetaPosteriors> posteriors, std::vector<std::uint32_t> group,
           std::vector<std::uint16_t> choice_ids)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        posteriors_(std::move(posteriors)),
        group_(std::move(group)),
        choice_ids_(std::move(choice_ids)) {
    REHEARSAL_CHECK(group_.size() == size() &&
                    choice_ids_.size() == SlateDistribution::choice_offsets().back());
    for (const std::uint32_t each : group_) REHEARSAL_CHECK(each < posteriors_->n_groups());
    for (const std::uint16_t id : choice_ids_) REHEARSAL_CHECK(id < posteriors_->n_ids());
  }

  bool deterministic() const override { return false; }

  std::uint64_t pattern(std::size_t i) const override {
    std::uint64_t pattern = mix_pattern(1, group_[i]);
    for (const std::uint16_t id : ids(i)) pattern = mix_pattern(pattern, id);
    return pattern == 0 ? 1 : pattern;
  }

  /// Orders by the odds of the Beta draws, the ratio of two gammas, which never meet at 0 or 1.
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    REHEARSAL_CHECK(address.choice_ids.size() == n_choices(i));
    Scratch<double> odds(n_choices(i));
    for (std::size_t c = 0; c < n_choices(i); ++c) {
      const Beta& beta = posteriors_->at(group_[i], ids(i)[c]);
      Stream stream =
          rng.stream(address.purpose, address.turn, address.item_base + 1 + address.choice_ids[c]);
      const double for_it = boost::random::gamma_distribution<double>(beta.a)(stream);
      const double against = boost::random::gamma_distribution<double>(beta.b)(stream);
      odds[c] = for_it / against;
    }
    take_largest<double>(odds.span(), slate);
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    if (slate.empty()) return;
    const BetaPosteriors::Numbers numbers = posteriors_->prefixes(group_[i], ids(i), slate);
    std::copy(numbers->begin(), numbers->end(), out.begin());
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    if (out.size() == 0) return;
    const BetaPosteriors::Numbers numbers =
        posteriors_->marginals(group_[i], ids(i), n_positions(i));
    out = Eigen::Map<const RowMatrix>(numbers->data(), out.rows(), out.cols());
  }

  void position_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                              std::span<double> out) const override {
    if (slate.empty()) return;
    const BetaPosteriors::Numbers numbers =
        posteriors_->marginals(group_[i], ids(i), n_positions(i));
    for (std::size_t k = 0; k < slate.size(); ++k) out[k] = (*numbers)[k * n_choices(i) + slate[k]];
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    if (count_slates(n_choices(i), n_positions(i), kMostThompsonPairs) > kMostThompsonPairs)
      return false;
    if (out.size() == 0) return true;
    const BetaPosteriors::Numbers numbers = posteriors_->pairs(group_[i], ids(i), n_positions(i));
    out = Eigen::Map<const RowMatrix>(numbers->data(), out.rows(), out.cols());
    return true;
  }

  /// Draws are independent, so those of choices with positions of their own change nothing.
  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> n_positions) const override {
    Offsets offsets{0};
    std::vector<std::uint16_t> n_free, free_choices, free_ids, taken(choice_ids_.size());
    for (std::size_t i = 0; i < size(); ++i) {
      if (rules->limit_binds(i))
        throw Error(ErrorKind::kInput,
                    "Thompson sampling cannot be held to a limit that more choices than that may "
                    "reach: the probabilities of its slates under it are not known exactly");
      const std::span<std::uint16_t> here{taken.data() + choice_offsets()[i], n_positions[i]};
      rules->standing(i, here);
      n_free.push_back(
          static_cast<std::uint16_t>(std::count(here.begin(), here.end(), SlateRules::kFree)));
      for (std::uint16_t c = 0; c < n_choices(i); ++c) {
        if (rules->position(i)[c] != SlateRules::kFree) continue;
        free_choices.push_back(c);
        free_ids.push_back(ids(i)[c]);
      }
      offsets.push_back(static_cast<std::uint32_t>(free_ids.size()));
    }
    auto free = make_thompson(std::move(offsets), std::move(n_free), posteriors_, group_,
                              std::move(free_ids));
    return make_around(choice_offsets(), std::move(n_positions), std::move(taken),
                       std::move(free_choices), std::move(free));
  }

 private:
  std::span<const std::uint16_t> ids(std::size_t i) const {
    return {choice_ids_.data() + choice_offsets()[i], n_choices(i)};
  }

  std::shared_ptr<const BetaPosteriors> posteriors_;
  std::vector<std::uint32_t> group_;       // (n)
  std::vector<std::uint16_t> choice_ids_;  // (n_choices in all)
};

}  // namespace

std::unique_ptr<SlateDistribution> make_thompson(Offsets choice_offsets,
                                                 std::vector<std::uint16_t> n_positions,
                                                 std::shared_ptr<const BetaPosteriors> posteriors,
                                                 std::vector<std::uint32_t> group,
                                                 std::vector<std::uint16_t> choice_ids) {
  return std::make_unique<Thompson>(std::move(choice_offsets), std::move(n_positions),
                                    std::move(posteriors), std::move(group), std::move(choice_ids));
}

}  // namespace rehearsal
