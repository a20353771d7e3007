#include <cmath>

#include "policies/makers.h"
#include "policies/off_policy/objectives.h"
#include "policies/off_policy/plackett_luce_gradient.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

struct DrGradientConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  double l2 = 1;
  Fields fields() {
    Fields fields = learner.fields();
    weighting.add_to(fields);
    fields.add("l2", l2, 0, 1e12, "penalty of the reward model, a logistic regression");
    return fields;
  }
};

/// q_hat: a logistic regression a module with an additive logit of the place, on
/// standardised inputs.
class RewardModel {
 public:
  RewardModel(const ModuleLogistic& model, const InputScale& scale) : model_(model) {
    for (Eigen::Index m = 0; m < model_.coefficients.rows(); ++m)
      for (std::size_t j = 0; j < scale.mean().size(); ++j) {
        double& slope = model_.coefficients(m, static_cast<Eigen::Index>(j) + 1);
        model_.coefficients(m, 0) += slope * scale.mean()[j];
        if (scale.sd()[j] > 0) slope *= scale.sd()[j];
      }
  }

  /// As SlotRewards.
  void operator()(const LoggedPages& pages, std::size_t i, std::size_t k,
                  std::span<double> out) const {
    const std::span<const float> inputs{pages.inputs.row(static_cast<Eigen::Index>(i)).data(),
                                        static_cast<std::size_t>(pages.inputs.cols())};
    const double place = model_.position[pages.of(pages.position, i)[k]];
    const std::span<const std::uint16_t> eligible = pages.eligible_of(i);
    for (std::size_t c = 0; c < eligible.size(); ++c)
      out[c] = 1 / (1 + std::exp(-model_.logit(eligible[c], inputs) - place));
  }

 private:
  ModuleLogistic model_;
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
    ModuleLogisticSpec spec;
    spec.objective =
        config_.learner.reward == "purchase" ? Objective::kPurchase : Objective::kClick;
    spec.l2 = config_.l2;
    ModuleLogisticOptions options;
    options.threads = 1;  // policies are fitted side by side
    options.task = "train " + training.context().name;
    const RewardModel rewards(
        fit_module_logistic(training.context().rounds, {spec}, training.context().rng, options)
            .front(),
        training.pages().scale);
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
                                 context.schema);
}

}  // namespace rehearsal
