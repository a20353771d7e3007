#include <algorithm>

#include "policies/makers.h"
#include "policies/off_policy/learner.h"
#include "policies/off_policy/plackett_luce_gradient.h"

namespace rehearsal {

namespace {

struct WeightedLikelihoodConfig {
  LearnerConfig learner;
  std::string weight = "reward";
  double weight_cap = 100;
  Fields fields() {
    return learner.fields()
        .choice("weight", weight, {"reward", "ips"},
                "of a shown module's log-probability: its reward, or its reward over the "
                "behaviour policy's probability of it at that slot")
        .add("weight_cap", weight_cap, 1, 1e9, "largest 1 / probability, with weight: ips");
  }
};

/// V = sum_k g(r_k, mu_k) log pi(s_k | s_0 ... s_{k-1}).
class Likelihood final : public PageObjective {
 public:
  Likelihood(bool inverse, double weight_cap) : inverse_(inverse), weight_cap_(weight_cap) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const std::span<const double> rewards = pages.of(pages.reward, i);
    const std::span<const double> pscore = pages.of(pages.pscore_position, i);
    std::vector<double> slopes(rewards.begin(), rewards.end());
    for (std::size_t k = 0; inverse_ && k < slopes.size(); ++k)
      slopes[k] *= std::min(1 / pscore[k], weight_cap_);
    add_step_gradients(logits, pages.of(pages.choice, i), slopes, gradient);
  }

 private:
  bool inverse_;
  double weight_cap_;
};

class WeightedLikelihood final : public LearningMethod {
 public:
  explicit WeightedLikelihood(WeightedLikelihoodConfig config) : config_(std::move(config)) {}

  Learnt learn(const Training& training) const override {
    ScoreNetwork network = training.start();
    Likelihood objective(config_.weight == "ips", config_.weight_cap);
    training.ascend(objective, network);
    return {network};
  }

 private:
  WeightedLikelihoodConfig config_;
};

struct TopKConfig {
  LearnerConfig learner;
  double weight_cap = 20;
  Fields fields() {
    return learner.fields().add("weight_cap", weight_cap, 1, 1e9,
                                "largest importance weight; e^3 in the paper");
  }
};

/// sum_k min(pi(a_k) / mu_k, cap) K (1 - pi(a_k))^(K - 1) r_k d log pi(a_k), with pi the softmax
/// over all eligible modules and K the page's slots: the gradient of the chance that a module is
/// among K draws. The weight itself is held.
class TopK final : public PageObjective {
 public:
  explicit TopK(double weight_cap) : weight_cap_(weight_cap) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const std::span<const std::uint16_t> choice = pages.of(pages.choice, i);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    const std::span<const double> pscore = pages.of(pages.pscore_position, i);
    const auto n_slots = static_cast<double>(choice.size());
    std::vector<double> pi(logits.size());
    step_distribution(logits, choice, 0, pi);
    for (std::size_t k = 0; k < choice.size(); ++k) {
      const double p = pi[choice[k]];
      const double slope = std::min(p / pscore[k], weight_cap_) * n_slots *
                           std::pow(1 - p, n_slots - 1) * rewards[k];
      for (std::size_t c = 0; c < pi.size(); ++c) gradient[c] -= slope * pi[c];
      gradient[choice[k]] += slope;
    }
  }

 private:
  double weight_cap_;
};

class TopKGradient final : public LearningMethod {
 public:
  explicit TopKGradient(TopKConfig config) : config_(std::move(config)) {}

  Learnt learn(const Training& training) const override {
    ScoreNetwork network = training.start();
    TopK objective(config_.weight_cap);
    training.ascend(objective, network);
    return {network};
  }

 private:
  TopKConfig config_;
};

}  // namespace

FieldDescriptions describe_weighted_likelihood() {
  return describe_fields<WeightedLikelihoodConfig>();
}

PolicyPtr make_weighted_likelihood(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<WeightedLikelihoodConfig>();
  return make_off_policy_learner("weighted_likelihood", read.learner,
                                 std::make_unique<WeightedLikelihood>(read), config,
                                 context.schema);
}

FieldDescriptions describe_top_k_gradient() { return describe_fields<TopKConfig>(); }

PolicyPtr make_top_k_gradient(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<TopKConfig>();
  return make_off_policy_learner("top_k_gradient", read.learner,
                                 std::make_unique<TopKGradient>(read), config, context.schema);
}

}  // namespace rehearsal
