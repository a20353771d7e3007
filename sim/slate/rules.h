#pragma once

#include <memory>
#include <vector>

#include "sim/slate/sequential.h"

namespace rehearsal {

/// Which choices may take which positions of a batch of decisions' slates: some stand at a position
/// of their own, and of the limited ones at most so many are placed. Where nothing that a rule
/// allows is left for a position, whatever is left may take it: slates keep their length.
class SlateRules {
 public:
  static constexpr std::uint16_t kFree = 0xffff;

  /// Args: choice_offsets: (n + 1), CSR.
  ///       position: (n_choices in all) where a choice must stand, no two of a decision alike, or
  ///       kFree.  limited: (n_choices in all) whether it counts.  most: limited choices a slate.
  SlateRules(Offsets choice_offsets, std::vector<std::uint16_t> position,
             std::vector<std::uint8_t> limited, std::size_t most);

  /// Args: placed: (k) choices at the positions before.
  ///       feasible: (n_choices) set to 1 for those that may take position k, else 0; at least one
  ///       is 1 while a choice is left.
  void feasible(std::size_t i, std::span<const std::uint16_t> placed,
                std::span<std::uint8_t> feasible) const;
  /// Whether a slate of decision i could hold more limited choices than allowed.
  bool limit_binds(std::size_t i) const;
  /// What stands where whatever is drawn, as long as no limit binds.
  /// Args: out: (n_positions) set to a choice, kFree where the rest of the order goes.
  void standing(std::size_t i, std::span<std::uint16_t> out) const;
  /// Decisions with equal numbers of choices and equal patterns have the same rules; never 0.
  std::uint64_t pattern(std::size_t i) const;
  /// Which choices of decision i are alike (NextChoice::kinds) to these rules and in `alike` too.
  std::vector<std::uint16_t> kinds(std::size_t i, const std::vector<std::uint16_t>& alike) const;

  const Offsets& choice_offsets() const { return choice_offsets_; }
  /// Of the choices of decision i.
  std::span<const std::uint16_t> position(std::size_t i) const {
    return {position_.data() + choice_offsets_[i], choice_offsets_[i + 1] - choice_offsets_[i]};
  }

 private:
  Offsets choice_offsets_;
  std::vector<std::uint16_t> position_;
  std::vector<std::uint8_t> limited_;
  std::size_t most_;
};

/// A distribution whose slates can be held to rules with exact probabilities.
class Restrictable {
 public:
  virtual ~Restrictable() = default;
  /// What becomes of its slates when an order of all choices is drawn as ever and every position
  /// takes the first choice of the order that the rules let stand there.
  /// Args: n_positions: (n) of the slates.
  virtual std::unique_ptr<SlateDistribution> under(
      std::shared_ptr<const SlateRules> rules, std::vector<std::uint16_t> n_positions) const = 0;
};

/// The slates of `orders` under rules. Args: orders: of all choices of every decision.
/// Raises: Error(kInput) for one that is no Restrictable: its probabilities would not be exact.
std::unique_ptr<SlateDistribution> restrict_slates(const SlateDistribution& orders,
                                                   std::shared_ptr<const SlateRules> rules,
                                                   std::vector<std::uint16_t> n_positions);

/// The first choices of an order that may stand where. Args: order: all choices.
void filter_order(const SlateRules& rules, std::size_t i, std::span<const std::uint16_t> order,
                  std::span<std::uint16_t> slate);

/// A model of the next choice to which the rules' other choices are infeasible.
std::shared_ptr<const NextChoice> under_rules(std::shared_ptr<const NextChoice> next,
                                              std::shared_ptr<const SlateRules> rules);

/// Slates of which some positions are taken for good; `free` orders other choices around them.
/// Args: taken: (n_choices in all) of which the first n_positions of a decision say what stands
///       there, SlateRules::kFree: the next of the order.
///       free_choices: (free's n_choices in all) which of the decision's choices it orders.
std::unique_ptr<SlateDistribution> make_around(Offsets choice_offsets,
                                               std::vector<std::uint16_t> n_positions,
                                               std::vector<std::uint16_t> taken,
                                               std::vector<std::uint16_t> free_choices,
                                               std::unique_ptr<SlateDistribution> free);

/// Plackett-Luce under rules, (n_choices in all) log weights: as its orders filtered, because a
/// choice that is passed over leaves the odds of the others as they are.
/// Args: patterns: (n) of the decisions' log weights, 0: not known to repeat.
std::unique_ptr<SlateDistribution> make_plackett_luce_under(
    Offsets choice_offsets, std::vector<std::uint16_t> n_positions, std::vector<double> log_weights,
    std::vector<std::uint64_t> patterns, std::shared_ptr<const SlateRules> rules);

}  // namespace rehearsal
