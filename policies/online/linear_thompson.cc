#include "policies/makers.h"
#include "policies/online/linear.h"
#include "policies/online/normal_slates.h"

namespace rehearsal {

namespace {

struct LinearThompsonConfig : LinearConfig {
  double deviation = 0.3;
  double ridge = 1;
  Fields fields() {
    return add_to(Fields()
                      .add("deviation", deviation, 1e-6, 1000,
                           "of a reward around its mean, which scales the draws")
                      .add("ridge", ridge, 1e-9, 1e12,
                           "of the prior: coefficients have variance deviation^2 / ridge"));
  }
};

/// Arms by draws of mean . x from N(mean, deviation^2 A^-1), independent from arm to arm, new ones
/// for each slate.
class LinearThompson final : public RidgeBandit {
 public:
  LinearThompson(const LinearThompsonConfig& config, const PluginConfig& plugin,
                 const Schema& schema)
      : RidgeBandit(config, config.ridge, plugin, schema), deviation_(config.deviation) {}

 private:
  std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                            ArmDecisions decisions) const override {
    Scores of = scores(requests, decisions);
    for (double& each : of.deviation) each *= deviation_;
    return make_normal_draws(std::move(decisions.choice_offsets), std::move(decisions.n_positions),
                             std::move(of.mean), std::move(of.deviation));
  }
  double deviation_;
};

}  // namespace

FieldDescriptions describe_linear_thompson() { return describe_fields<LinearThompsonConfig>(); }

PolicyPtr make_linear_thompson(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<LinearThompson>(config.read<LinearThompsonConfig>(), config,
                                          context.schema);
}

}  // namespace rehearsal
