#include "policies/makers.h"
#include "policies/off_policy/objectives.h"
#include "policies/off_policy/plackett_luce_gradient.h"
#include "policies/off_policy/reward_model.h"

namespace rehearsal {

namespace {

struct DrGradientConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  double l2 = 1;
  Fields fields() {
    Fields fields = learner.fields();
    weighting.add_to(fields);
    fields.add("l2", l2, 0, 1e12,
               "penalty of the reward model, a logistic regression; of a list: the decoupled "
               "decay of its weights");
    return fields;
  }
};

class DrObjective final : public PageObjective {
 public:
  DrObjective(double weight_cap, SlotRewards q_hat)
      : weight_cap_(weight_cap), q_hat_(std::move(q_hat)) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const std::span<const std::uint16_t> choice = pages.of(pages.choice, i);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    const std::size_t n = choice.size();
    std::vector<double> w(n);
    page_weights(pages, i, logits, weight_cap_, w);
    std::vector<double> terms(n, 0.0);  // w_k times the slope of w_k
    std::vector<double> pi(logits.size());
    std::vector<double> q(logits.size());
    for (std::size_t k = 0; k < n; ++k) {
      step_distribution(logits, choice, k, pi);
      q_hat_(pages, i, k, q);
      double expected = 0;
      for (std::size_t c = 0; c < pi.size(); ++c) expected += pi[c] * q[c];
      const double before = k == 0 ? 1.0 : w[k - 1];
      for (std::size_t c = 0; c < pi.size(); ++c) gradient[c] += before * pi[c] * (q[c] - expected);
      terms[k] += w[k] * (rewards[k] - q[choice[k]]);
      if (k > 0) terms[k - 1] += before * expected;
    }
    add_prefix_gradients(pages, i, logits, w, weight_cap_, terms, gradient);
  }

 private:
  double weight_cap_;
  SlotRewards q_hat_;
};

class DrGradient final : public LearningMethod {
 public:
  explicit DrGradient(DrGradientConfig config) : config_(std::move(config)) {}

  Learnt learn(const Training& training) const override {
    const RewardModel rewards(training, config_.learner.reward, config_.l2);
    const auto objective = dr_objective(config_.weighting.weight_cap, rewards);
    ScoreNetwork network = config_.weighting.first_model(training);
    training.ascend(*objective, network);
    return {network};
  }

 private:
  DrGradientConfig config_;
};

}  // namespace

std::unique_ptr<PageObjective> dr_objective(double weight_cap, SlotRewards q_hat) {
  return std::make_unique<DrObjective>(weight_cap, std::move(q_hat));
}

FieldDescriptions describe_dr_gradient() { return describe_fields<DrGradientConfig>(); }

PolicyPtr make_dr_gradient(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<DrGradientConfig>();
  return make_off_policy_learner("dr_gradient", read.learner, std::make_unique<DrGradient>(read),
                                 config, context.schema);
}

}  // namespace rehearsal
