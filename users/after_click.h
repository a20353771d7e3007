#pragma once

#include <cstdint>

#include "sim/core/fields.h"
#include "sim/core/rng.h"

namespace rehearsal {

/// What an item is to a user: how well it matches, and what it is.
struct ItemForUser {
  double match = 0;    // standardised
  double quality = 0;  // standardised
  double price = 0;    // currency units
};

/// A logit linear in match, quality and the logarithm of dwell.
struct ReactionConfig {
  double logit = -3.5;
  double match = 0;
  double quality = 0;
  double log_dwell = 0;  // slope on (ln dwell - its mean over items)
};

/// What follows a click; see fields() for what each is.
struct AfterClickConfig {
  double dwell_log_mean = 3.2;
  double dwell_match = 0.3;
  double dwell_quality = 0.3;
  double dwell_log_sd = 1.1;
  double dwell_threshold = 30;
  ReactionConfig like{-3.5, 0.6, 0.3, 0.4};
  ReactionConfig share{-4.5, 0.4, 0.3, 0.4};
  ReactionConfig hide{-4.5, -0.6, -0.3, -0.4};
  ReactionConfig cart{-2.9, 0.5, 0.2, 0};
  ReactionConfig buy{-1.5, 0.2, 0.2, 0};
  double delay_mean = 24;
  double delay_shape = 0.7;

  Fields fields();
};

/// One clicked item's outcomes.
struct ClickedItem {
  double dwell = 0;  // seconds
  bool satisfied = false;
  bool like = false;
  bool share = false;
  bool hide = false;
  bool cart = false;
  bool purchase = false;
  double delay = 0;  // hours from click to purchase
};

/// Exact expectations given a click.
struct ExpectedClick {
  double dwell = 0;
  double satisfied = 0;
  double like = 0;
  double share = 0;
  double hide = 0;
  double cart = 0;
  double purchase = 0;
};

/// What follows a click on an item, from shared latents, so that tasks correlate
/// (user_models: dwell ~ LogNormal(mu, s^2), satisfied when dwell > d*; reactions Bernoulli with
/// logits in match, quality and ln dwell; purchase after cart, ESMM's chain: Ma et al., SIGIR 2018;
/// purchase delay Weibull, 1 an exponential: Chapelle, KDD 2014).
class AfterClick {
 public:
  explicit AfterClick(const AfterClickConfig& config) : config_(config) {}

  /// P(dwell > d*) = 1 - Phi((ln d* - mu) / s).
  double satisfaction(const ItemForUser& item) const;
  /// Args: word: satisfied if and only if its uniform number is below satisfaction(item).
  ClickedItem sample(const ItemForUser& item, std::uint32_t word, Stream& stream) const;
  ExpectedClick expected(const ItemForUser& item) const;
  /// The mean of the delay, hours.
  double expected_delay() const;

 private:
  double log_dwell_mean(const ItemForUser& item) const;
  double logit(const ReactionConfig& reaction, const ItemForUser& item, double log_dwell) const;

  AfterClickConfig config_;
};

}  // namespace rehearsal
