#pragma once

#include <string>
#include <vector>

#include "policies/off_policy/learner.h"

namespace rehearsal {

/// Keys of learners that weigh pages by how likely they have become.
struct WeightingConfig {
  double weight_cap = 100;
  std::string start = "behavior";
  /// Adds them to a table.
  void add_to(Fields& fields);
  ScoreNetwork first_model(const Training& training) const {
    return start == "behavior" ? training.behavior_start() : training.start();
  }
};

/// Keys of learners that leave pages as they are unless held-out users say otherwise.
struct SafetyConfig {
  double check_share = 0.3;
  double confidence = 0.99;
  /// Adds them to a table.
  void add_to(Fields& fields);
};

class WeightedPages;

/// Climbs the objective on the other users' pages, then compares the model with the one it
/// began with on those of a share of the users: it stays where a one-sided normal bound of the
/// paired difference of sum_k w_k r_k is above 0, else the first model does (the safety test of
/// Thomas et al., "High confidence policy improvement", ICML 2015).
ScoreNetwork learn_safely(const Training& training, const WeightingConfig& weighting,
                          const SafetyConfig& safety, WeightedPages& objective);

/// An objective of a page's importance weights w_k = pi(s_0 ... s_k) / mu(s_0 ... s_k), capped, and
/// rewards r_k at its slots: with sum_k w_k r_k the reward interaction estimator (McInerney et al.,
/// KDD 2020), with one slot IPS. Its gradient is sum_k dV/dw_k w_k sum_{j<=k} d log pi(s_j | ...);
/// a capped weight has none.
class WeightedPages : public PageObjective {
 public:
  explicit WeightedPages(double weight_cap) : weight_cap_(weight_cap) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int epoch,
                std::span<double> gradient) const override;
  /// w_k of page i. Args: out: (n_shown).
  void weights(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
               std::span<double> out) const;
  double weight_cap() const { return weight_cap_; }

 protected:
  /// dV/dw_k of a page. Args: slopes: (n_shown).
  virtual void slopes(std::span<const double> weights, std::span<const double> rewards,
                      std::span<double> slopes) const = 0;

 private:
  double weight_cap_;
};

/// Mean and variance (n - 1) over pages of u = sum_k w_k r_k, as the network stands.
struct ValueMoments {
  double mean = 0;
  double variance = 0;
};
ValueMoments value_moments(const WeightedPages& objective, const LoggedPages& pages,
                           ScoreNetwork& network);

}  // namespace rehearsal
