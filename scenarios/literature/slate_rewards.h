#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sim/core/draws.h"
#include "sim/core/rng.h"
#include "sim/core/types.h"

namespace rehearsal {

/// Uniform numbers in (low, high).
std::vector<double> uniforms(Stream& stream, std::size_t n, double low, double high);
/// exp(scale * logit) / sum, in place.
void softmax(std::span<double> logits, double scale = 1);
/// The index that a uniform number in (0, 1) picks from probabilities.
std::size_t pick(std::span<const double> p, double u);

/// How often an item is taken by itself: logits linear in context, item and their product, with
/// coefficients uniform in (-1, 1), a constant among the features (OBP's logistic reward).
class BilinearLogits {
 public:
  BilinearLogits(std::size_t n_actions, std::size_t n_features, Stream& stream);
  std::size_t n_actions() const { return n_actions_; }
  /// Args: context: (n_features).  out: (n_actions).
  void at(std::span<const double> context, std::span<double> out) const;

 private:
  std::size_t n_actions_, n_features_;
  std::vector<double> context_, action_, product_;
};

/// Which other positions move a position's reward.
enum class RewardStructure : std::uint8_t { kIndependent, kCascade, kStandard };
RewardStructure reward_structure(const std::string& name);

/// Expected rewards of a slate's positions that move each other (Kiyohara et al., WSDM 2022): the
/// logit of position k has W(a_k, a_j) added for each position j that it feels (additive), or
/// logit(a_j) / (|k - j| + 1) taken off (decay). Cascade feels those above, standard all.
struct SlateRewards {
  RewardStructure structure = RewardStructure::kStandard;
  bool additive = true;
  RowMatrix interaction;  // W: (n_actions, n_actions), symmetric

  /// Args: logits: (n_actions) of one context.  slate: (l).  out: (l) in (0, 1).
  void expected(std::span<const double> logits, std::span<const std::uint16_t> slate,
                std::span<double> out) const;
};

/// A symmetric matrix of normal numbers. Args: deviation: of each.
RowMatrix symmetric_normals(Stream& stream, std::size_t n, double deviation);

/// Calls visit with every slate of l of m items. Args: repeats: an item may stand twice.
void each_slate(std::size_t m, std::size_t l, bool repeats,
                const std::function<void(std::span<const std::uint16_t>)>& visit);

}  // namespace rehearsal
