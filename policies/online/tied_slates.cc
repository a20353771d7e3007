#include "policies/online/tied_slates.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"
#include "sim/slate/set_walk.h"

namespace rehearsal {

namespace {

/// Of the choices that rules let stand next, those of the highest score, equally likely.
class BestAllowed final : public NextChoice {
 public:
  BestAllowed(Offsets choice_offsets, std::vector<double> scores,
              std::shared_ptr<const SlateRules> rules)
      : choice_offsets_(std::move(choice_offsets)),
        scores_(std::move(scores)),
        rules_(std::move(rules)) {}

  void logits(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    const double* score = scores_.data() + choice_offsets_[i];
    std::vector<std::uint8_t> feasible(static_cast<std::size_t>(out.cols()));
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      rules_->feasible(i, prefixes.row(r), feasible);
      double best = -std::numeric_limits<double>::infinity();
      for (std::size_t c = 0; c < feasible.size(); ++c)
        if (feasible[c]) best = std::max(best, score[c]);
      for (std::size_t c = 0; c < feasible.size(); ++c)
        out(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) =
            feasible[c] && score[c] == best ? 0 : kInfeasible;
    }
  }
  std::vector<std::uint16_t> kinds(std::size_t i) const override {
    const auto first = scores_.begin();
    return rules_->kinds(i, kinds_of(std::vector<double>(first + choice_offsets_[i],
                                                         first + choice_offsets_[i + 1])));
  }

 private:
  Offsets choice_offsets_;
  std::vector<double> scores_;
  std::shared_ptr<const SlateRules> rules_;
};

class Tied final : public SlateDistribution, public Restrictable {
 public:
  Tied(Offsets choice_offsets, std::vector<std::uint16_t> n_positions, std::vector<double> scores)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        scores_(std::move(scores)) {
    REHEARSAL_CHECK(SlateDistribution::choice_offsets().back() == scores_.size());
    for (const double score : scores_)
      if (std::isnan(score)) throw Error(ErrorKind::kRuntime, "a bandit's index is not a number");
  }

  bool deterministic() const override { return false; }

  std::uint64_t pattern(std::size_t i) const override {
    std::uint64_t pattern = 2;
    for (const double score : scores(i)) {
      std::uint64_t bits;
      std::memcpy(&bits, &score, sizeof bits);
      pattern = mix_pattern(pattern, bits);
    }
    return pattern == 0 ? 1 : pattern;
  }

  /// Only choices that can be shown are given numbers.
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    if (slate.empty()) return 0;
    const std::span<const double> of = scores(i);
    std::vector<double> order(of.begin(), of.end());
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(slate.size()) - 1,
                     order.end(), std::greater<>());
    const double least = order[slate.size() - 1];
    std::vector<std::uint16_t> choice, id;
    for (std::size_t c = 0; c < of.size(); ++c)
      if (of[c] >= least) {
        choice.push_back(static_cast<std::uint16_t>(c));
        id.push_back(address.choice_ids[c]);
      }
    std::vector<std::uint64_t> bits(choice.size());
    choice_bits(rng, {address.purpose, address.turn, id, address.item_base}, bits);
    std::vector<std::uint16_t> place(choice.size());
    for (std::size_t k = 0; k < place.size(); ++k) place[k] = static_cast<std::uint16_t>(k);
    std::partial_sort(place.begin(), place.begin() + static_cast<std::ptrdiff_t>(slate.size()),
                      place.end(), [&](std::uint16_t a, std::uint16_t b) {
                        const double left = of[choice[a]], right = of[choice[b]];
                        if (left != right) return left > right;
                        return bits[a] != bits[b] ? bits[a] > bits[b] : a < b;
                      });
    for (std::size_t k = 0; k < slate.size(); ++k) slate[k] = choice[place[k]];
    return 0;
  }

  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    const std::span<const double> of = scores(i);
    std::vector<char> used(of.size(), 0);
    double probability = 1;
    for (std::size_t k = 0; k < slate.size(); ++k) {
      std::size_t equal = 0;
      for (std::size_t c = 0; c < of.size() && probability > 0; ++c) {
        if (used[c]) continue;
        if (of[c] > of[slate[k]]) probability = 0;
        equal += of[c] == of[slate[k]] ? 1 : 0;
      }
      if (probability > 0) probability /= static_cast<double>(equal);
      used[slate[k]] = 1;
      out[k] = probability;
    }
  }

  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const Groups groups(scores(i));
    for (Eigen::Index k = 0; k < out.rows(); ++k)
      for (Eigen::Index c = 0; c < out.cols(); ++c)
        out(k, c) = groups.at(static_cast<std::size_t>(k), static_cast<std::size_t>(c));
  }

  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const Groups groups(scores(i));
    const std::size_t m = n_choices(i);
    for (std::size_t j = 0; j < n_positions(i); ++j)
      for (std::size_t k = 0; k < n_positions(i); ++k)
        for (std::size_t a = 0; a < m; ++a)
          for (std::size_t b = 0; b < m; ++b)
            out(static_cast<Eigen::Index>(j * m + a), static_cast<Eigen::Index>(k * m + b)) =
                groups.pair(j, a, k, b);
    return true;
  }

  /// A choice that is passed over leaves the odds of those of equal score as they are.
  std::unique_ptr<SlateDistribution> under(std::shared_ptr<const SlateRules> rules,
                                           std::vector<std::uint16_t> positions) const override {
    return make_sequential(
        choice_offsets(), std::move(positions),
        std::make_shared<BestAllowed>(choice_offsets(), scores_, std::move(rules)));
  }

 private:
  /// Choices of equal score share a run of positions.
  struct Groups {
    explicit Groups(std::span<const double> scores) : higher(scores.size()), size(scores.size()) {
      std::vector<double> sorted(scores.begin(), scores.end());
      std::sort(sorted.begin(), sorted.end(), std::greater<>());
      for (std::size_t c = 0; c < scores.size(); ++c) {
        const auto [first, last] =
            std::equal_range(sorted.begin(), sorted.end(), scores[c], std::greater<>());
        higher[c] = static_cast<std::size_t>(first - sorted.begin());
        size[c] = static_cast<std::size_t>(last - first);
      }
    }
    double at(std::size_t k, std::size_t c) const {
      return higher[c] <= k && k < higher[c] + size[c] ? 1 / static_cast<double>(size[c]) : 0;
    }
    double pair(std::size_t j, std::size_t a, std::size_t k, std::size_t b) const {
      if (j == k || a == b) return j == k && a == b ? at(j, a) : 0;
      if (higher[a] != higher[b]) return at(j, a) * at(k, b);
      return at(j, a) * (at(k, b) > 0 ? 1 / static_cast<double>(size[b] - 1) : 0);
    }
    std::vector<std::size_t> higher;  // (m) choices above
    std::vector<std::size_t> size;    // (m) choices of equal score, itself among them
  };

  std::span<const double> scores(std::size_t i) const {
    return {scores_.data() + choice_offsets()[i], n_choices(i)};
  }

  std::vector<double> scores_;
};

}  // namespace

std::unique_ptr<SlateDistribution> make_tied(Offsets choice_offsets,
                                             std::vector<std::uint16_t> n_positions,
                                             std::vector<double> scores) {
  return std::make_unique<Tied>(std::move(choice_offsets), std::move(n_positions),
                                std::move(scores));
}

}  // namespace rehearsal
