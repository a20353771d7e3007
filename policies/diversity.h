#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sim/core/fields.h"
#include "sim/slate/sequential.h"

// Orders that weigh how good a choice is against how alike it is to those above: greedy baselines
// that need no training of their own.
namespace rehearsal {

/// What there is to choose from, for a batch of decisions.
class DiverseChoices {
 public:
  virtual ~DiverseChoices() = default;
  /// Returns: (n_choices) from 0, the worst of the decision's choices, to 1, the best.
  virtual std::span<const double> relevance(std::size_t i) const = 0;
  /// In [0, 1], 1 of a choice with itself; positive semi-definite over a decision's choices.
  virtual double similarity(std::size_t i, std::size_t a, std::size_t b) const = 0;
};

/// Scales values to relevances: 0 for the least, 1 for the largest, 1 for all where all are alike.
void to_relevance(std::span<double> values);

/// Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): t relevance - (1 - t) times
/// the largest similarity to a choice above. Args: trade_off: t, in [0, 1].
std::shared_ptr<const NextChoice> make_mmr(std::shared_ptr<const DiverseChoices> choices,
                                           double trade_off);
/// Greedy maximisation of t sum of relevances + (1 - t) log det S of the chosen: the likeliest set
/// of a determinantal point process with L = diag(q) S diag(q), q = exp(t relevance / (2 - 2 t)),
/// by an incremental Cholesky factor, O(n k^2) for k choices (Chen et al., NeurIPS 2018).
std::shared_ptr<const NextChoice> make_dpp(std::shared_ptr<const DiverseChoices> choices,
                                           double trade_off);
/// One of them.
using MakeDiverse = std::shared_ptr<const NextChoice> (*)(std::shared_ptr<const DiverseChoices>,
                                                          double trade_off);

/// Keys of how diverse orders are made.
struct DiversityConfig {
  double trade_off = 0.7;
  double temperature = 0;

  void add_to(Fields& fields);
  bool deterministic() const { return temperature == 0; }
  /// Greedily, or drawn place by place.
  std::unique_ptr<SlateDistribution> slates(Offsets choice_offsets,
                                            std::vector<std::uint16_t> n_positions,
                                            std::shared_ptr<const NextChoice> next) const;
};

}  // namespace rehearsal
