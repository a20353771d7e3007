#include "sim/slate/rules.h"

#include <algorithm>
#include <array>
#include <numeric>

#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/set_walk.h"

namespace rehearsal {

namespace {

class Masked final : public NextChoice {
 public:
  Masked(std::shared_ptr<const NextChoice> next, std::shared_ptr<const SlateRules> rules)
      : next_(std::move(next)), rules_(std::move(rules)) {}

  void logits(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    next_->logits(i, prefixes, out);
    Scratch<std::uint8_t> feasible(static_cast<std::size_t>(out.cols()));
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      rules_->feasible(i, prefixes.row(r), feasible.span());
      for (Eigen::Index c = 0; c < out.cols(); ++c)
        if (!feasible[static_cast<std::size_t>(c)])
          out(static_cast<Eigen::Index>(r), c) = kInfeasible;
    }
  }
  std::uint64_t pattern(std::size_t i) const override {
    const std::uint64_t own = next_->pattern(i);
    return own == 0 ? 0 : std::max<std::uint64_t>(mix_pattern(own, rules_->pattern(i)), 1);
  }
  /// Rules see what is placed and how much of it, not its order.
  std::vector<std::uint16_t> kinds(std::size_t i) const override {
    return rules_->kinds(i, next_->kinds(i));
  }

 private:
  std::shared_ptr<const NextChoice> next_;
  std::shared_ptr<const SlateRules> rules_;
};

}  // namespace

SlateRules::SlateRules(Offsets choice_offsets, std::vector<std::uint16_t> position,
                       std::vector<std::uint8_t> limited, std::size_t most)
    : choice_offsets_(std::move(choice_offsets)),
      position_(std::move(position)),
      limited_(std::move(limited)),
      most_(most) {
  REHEARSAL_CHECK(position_.size() == choice_offsets_.back() &&
                  limited_.size() == choice_offsets_.back());
}

void SlateRules::feasible(std::size_t i, std::span<const std::uint16_t> placed,
                          std::span<std::uint8_t> feasible) const {
  const std::span<const std::uint16_t> stands = position(i);
  const std::uint8_t* counts = limited_.data() + choice_offsets_[i];
  std::fill(feasible.begin(), feasible.end(), std::uint8_t{1});
  std::size_t n_limited = 0;
  for (const std::uint16_t choice : placed) {
    feasible[choice] = 0;
    n_limited += counts[choice];
  }
  // Of those with a position of their own the first is next; they count before they are placed.
  std::size_t next = stands.size();
  for (std::size_t c = 0; c < stands.size(); ++c) {
    if (stands[c] == kFree || !feasible[c]) continue;
    n_limited += counts[c];
    if (next == stands.size() || stands[c] < stands[next]) next = c;
  }
  const bool now = next < stands.size() && stands[next] <= placed.size();
  const auto free = [&](std::size_t c) { return feasible[c] && stands[c] == kFree; };
  const auto allowed = [&](std::size_t c) { return free(c) && (n_limited < most_ || !counts[c]); };
  bool any_free = false;
  bool any_allowed = false;
  for (std::size_t c = 0; c < stands.size(); ++c) {
    any_free |= free(c);
    any_allowed |= allowed(c);
  }
  for (std::size_t c = 0; c < stands.size(); ++c)
    feasible[c] = now || !any_free ? c == next : any_allowed ? allowed(c) : free(c);
}

bool SlateRules::limit_binds(std::size_t i) const {
  std::size_t n_limited = 0;
  bool free = false;
  for (std::size_t c = choice_offsets_[i]; c < choice_offsets_[i + 1]; ++c) {
    n_limited += limited_[c];
    free |= limited_[c] && position_[c] == kFree;
  }
  return free && n_limited > most_;
}

void SlateRules::standing(std::size_t i, std::span<std::uint16_t> out) const {
  Scratch<std::uint16_t> order(choice_offsets_[i + 1] - choice_offsets_[i]);
  std::iota(order.data(), order.data() + order.span().size(), std::uint16_t{0});
  filter_order(*this, i, order.span(), out);
  for (std::uint16_t& choice : out)
    if (position(i)[choice] == kFree) choice = kFree;
}

std::uint64_t SlateRules::pattern(std::size_t i) const {
  std::uint64_t pattern = mix_pattern(1, most_);
  for (std::size_t c = choice_offsets_[i]; c < choice_offsets_[i + 1]; ++c)
    pattern = mix_pattern(pattern, std::uint64_t{2} * position_[c] + limited_[c]);
  return std::max<std::uint64_t>(pattern, 1);
}

std::vector<std::uint16_t> SlateRules::kinds(std::size_t i,
                                             const std::vector<std::uint16_t>& alike) const {
  const bool binds = limit_binds(i);
  std::vector<std::array<std::uint16_t, 3>> together;
  for (std::size_t c = 0; c < alike.size(); ++c)
    together.push_back({alike[c], position(i)[c],
                        static_cast<std::uint16_t>(binds ? limited_[choice_offsets_[i] + c] : 0)});
  return kinds_of(together);
}

void filter_order(const SlateRules& rules, std::size_t i, std::span<const std::uint16_t> order,
                  std::span<std::uint16_t> slate) {
  Scratch<std::uint8_t> feasible(order.size());
  for (std::size_t k = 0; k < slate.size(); ++k) {
    rules.feasible(i, slate.first(k), feasible.span());
    slate[k] = *std::find_if(order.begin(), order.end(),
                             [&](std::uint16_t choice) { return feasible[choice] != 0; });
  }
}

std::shared_ptr<const NextChoice> under_rules(std::shared_ptr<const NextChoice> next,
                                              std::shared_ptr<const SlateRules> rules) {
  return std::make_shared<Masked>(std::move(next), std::move(rules));
}

std::unique_ptr<SlateDistribution> make_plackett_luce_under(
    Offsets choice_offsets, std::vector<std::uint16_t> n_positions, std::vector<double> log_weights,
    std::vector<std::uint64_t> patterns, std::shared_ptr<const SlateRules> rules) {
  auto logits = fixed_logits(choice_offsets, std::move(log_weights), std::move(patterns));
  return make_sequential(std::move(choice_offsets), std::move(n_positions),
                         under_rules(std::move(logits), std::move(rules)));
}

std::unique_ptr<SlateDistribution> restrict_slates(const SlateDistribution& orders,
                                                   std::shared_ptr<const SlateRules> rules,
                                                   std::vector<std::uint16_t> n_positions) {
  REHEARSAL_CHECK(orders.choice_offsets() == rules->choice_offsets() &&
                  n_positions.size() == orders.size());
  const auto* restrictable = dynamic_cast<const Restrictable*>(&orders);
  if (restrictable == nullptr)
    throw Error(ErrorKind::kInput,
                "a policy of this type cannot be held to constraints: the probabilities of its "
                "pages under them are not known exactly");
  return restrictable->under(std::move(rules), std::move(n_positions));
}

}  // namespace rehearsal
