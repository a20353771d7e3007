#include "policies/makers.h"
#include "policies/off_policy/objectives.h"

namespace rehearsal {

namespace {

struct BanditNetConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  std::vector<double> baselines{0.5, 0.8, 0.9, 1, 1.1, 1.3};
  Fields fields() {
    Fields fields = learner.fields();
    weighting.add_to(fields);
    fields.add("baselines", baselines, 0, 100,
               "multipliers lambda to try, each times the logged mean reward of a slot; the model "
               "of the best self-normalised value on the whole log stays");
    return fields;
  }
};

/// What each slot of a page earns in the log, per page that fills it.
std::vector<double> slot_means(const LoggedPages& pages) {
  std::vector<double> sum;
  std::vector<double> n;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const std::span<const double> rewards = pages.of(pages.reward, i);
    if (rewards.size() > sum.size()) {
      sum.resize(rewards.size(), 0.0);
      n.resize(rewards.size(), 0.0);
    }
    for (std::size_t k = 0; k < rewards.size(); ++k) {
      sum[k] += rewards[k];
      n[k] += 1;
    }
  }
  for (std::size_t k = 0; k < sum.size(); ++k) sum[k] /= n[k];
  return sum;
}

class BaselineObjective final : public WeightedPages {
 public:
  BaselineObjective(double weight_cap, std::vector<double> baselines)
      : WeightedPages(weight_cap), baselines_(std::move(baselines)) {}

 private:
  void slopes(std::span<const double>, std::span<const double> rewards,
              std::span<double> slopes) const override {
    for (std::size_t k = 0; k < rewards.size(); ++k) slopes[k] = rewards[k] - baselines_[k];
  }

  std::vector<double> baselines_;
};

/// sum_k (sum_i w_ik r_ik) / (sum_i w_ik).
double self_normalized_value(const LoggedPages& pages, double weight_cap, std::size_t n_slots,
                             ScoreNetwork& network) {
  std::vector<double> gained(n_slots, 0.0);
  std::vector<double> weighed(n_slots, 0.0);
  std::vector<double> w;
  for_each_page(pages, network, [&](std::size_t i, std::span<const double> logits) {
    w.resize(pages.n_shown(i));
    page_weights(pages, i, logits, weight_cap, w);
    const std::span<const double> rewards = pages.of(pages.reward, i);
    for (std::size_t k = 0; k < w.size(); ++k) {
      gained[k] += w[k] * rewards[k];
      weighed[k] += w[k];
    }
  });
  double value = 0;
  for (std::size_t k = 0; k < n_slots; ++k) value += weighed[k] > 0 ? gained[k] / weighed[k] : 0;
  return value;
}

class BanditNet final : public LearningMethod {
 public:
  explicit BanditNet(BanditNetConfig config) : config_(std::move(config)) {}

  Learnt learn(const Training& training) const override {
    const std::vector<double> means = slot_means(training.pages());
    const ScoreNetwork first = config_.weighting.first_model(training);
    ScoreNetwork best = first;
    double best_value = -1;
    for (const double lambda : config_.baselines) {
      std::vector<double> baselines = means;
      for (double& baseline : baselines) baseline *= lambda;
      const auto objective = baseline_objective(config_.weighting.weight_cap, std::move(baselines));
      ScoreNetwork network = first;
      training.ascend(*objective, network);
      const double value = self_normalized_value(training.pages(), config_.weighting.weight_cap,
                                                 means.size(), network);
      if (value > best_value) {
        best_value = value;
        best = network;
      }
    }
    return {best};
  }

 private:
  BanditNetConfig config_;
};

}  // namespace

std::unique_ptr<WeightedPages> baseline_objective(double weight_cap,
                                                  std::vector<double> baselines) {
  return std::make_unique<BaselineObjective>(weight_cap, std::move(baselines));
}

FieldDescriptions describe_banditnet() { return describe_fields<BanditNetConfig>(); }

PolicyPtr make_banditnet(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<BanditNetConfig>();
  if (read.baselines.empty()) config.refuse("baselines", "at least one is needed");
  return make_off_policy_learner("banditnet", read.learner, std::make_unique<BanditNet>(read),
                                 config, context.schema);
}

}  // namespace rehearsal
