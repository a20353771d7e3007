#include "policies/makers.h"
#include "policies/off_policy/objectives.h"

namespace rehearsal {

namespace {

struct IpsGradientConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  Fields fields() {
    Fields fields = learner.fields();
    weighting.add_to(fields);
    return fields;
  }
};

class IpsObjective final : public WeightedPages {
 public:
  using WeightedPages::WeightedPages;

 private:
  void slopes(std::span<const double>, std::span<const double> rewards,
              std::span<double> slopes) const override {
    std::copy(rewards.begin(), rewards.end(), slopes.begin());
  }
};

class IpsGradient final : public LearningMethod {
 public:
  explicit IpsGradient(WeightingConfig weighting) : weighting_(std::move(weighting)) {}

  Learnt learn(const Training& training) const override {
    ScoreNetwork network = weighting_.first_model(training);
    const auto objective = ips_objective(weighting_.weight_cap);
    training.ascend(*objective, network);
    return {network};
  }

 private:
  WeightingConfig weighting_;
};

}  // namespace

std::unique_ptr<WeightedPages> ips_objective(double weight_cap) {
  return std::make_unique<IpsObjective>(weight_cap);
}

FieldDescriptions describe_ips_gradient() { return describe_fields<IpsGradientConfig>(); }

PolicyPtr make_ips_gradient(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<IpsGradientConfig>();
  return make_off_policy_learner("ips_gradient", read.learner,
                                 std::make_unique<IpsGradient>(read.weighting), config,
                                 context.schema);
}

}  // namespace rehearsal
