#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policies/off_policy/learner.h"

namespace rehearsal {

/// Keys of learners that weigh pages by how likely they have become.
struct WeightingConfig {
  double weight_cap = 100;
  std::string start = "behavior";  // see add_to
  /// Adds them to a table.
  void add_to(Fields& fields);
  ScoreNetwork first_model(const Training& training) const {
    return start == "behavior" ? training.behavior_start() : training.start();
  }
};

/// w_k = pi(s_0 ... s_k) / mu(s_0 ... s_k) of page i, none above the cap. Args: out: (n_shown).
void page_weights(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
                  double weight_cap, std::span<double> out);

/// gradient += sum_k terms[k] sum_{j<=k} d log pi(s_j | ...) / d logits, but for weights at the
/// cap. Args: weights: of page i.  terms: (n_shown) w_k times the slope of w_k; overwritten.
void add_prefix_gradients(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
                          std::span<const double> weights, double weight_cap,
                          std::span<double> terms, std::span<double> gradient);

/// An objective of a page's importance weights w_k (page_weights) and rewards r_k at its slots:
/// with sum_k w_k r_k the reward interaction estimator (McInerney et al., KDD 2020), with one slot
/// IPS. Its gradient is sum_k dV/dw_k w_k sum_{j<=k} d log pi(s_j | ...); a capped weight has none.
class WeightedPages : public PageObjective {
 public:
  explicit WeightedPages(double weight_cap) : weight_cap_(weight_cap) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int epoch,
                std::span<double> gradient) const override;
  double weight_cap() const { return weight_cap_; }

 protected:
  /// dV/dw_k of a page. Args: slopes: (n_shown).
  virtual void slopes(std::span<const double> weights, std::span<const double> rewards,
                      std::span<double> slopes) const = 0;

 private:
  double weight_cap_;
};

/// Keys of pessimists, which leave pages as they are unless held-out users say otherwise.
struct PessimistConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  double check_share = 0.3;
  double confidence = 0.99;
  std::string behavior;
  Fields fields();
};

/// Climbs an objective on most users' pages, then compares the model with the one it began with on
/// those of the others: it stays where a one-sided normal bound of the paired difference of
/// sum_k w_k r_k is above 0, else pages stay as they are (the safety test of Thomas et al., "High
/// confidence policy improvement", ICML 2015).
/// Args: given: the policy's mapping, for messages.  objective: made for so many pages.
/// Raises: Error(kInput) for a `behavior` that is no policy named before.
std::unique_ptr<Policy> make_pessimist(
    const std::string& type, const PessimistConfig& config, const PluginConfig& given,
    const PolicyContext& context,
    std::function<std::unique_ptr<WeightedPages>(double n_pages)> objective);

/// Mean and variance (n - 1) over pages of u = sum_k w_k r_k, as the network stands.
struct ValueMoments {
  double mean = 0;
  double variance = 0;
};
ValueMoments value_moments(const LoggedPages& pages, double weight_cap, ScoreNetwork& network);

}  // namespace rehearsal
