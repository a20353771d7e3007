#include "policies/makers.h"
#include "policies/online/linear.h"
#include "policies/online/tied_slates.h"

namespace rehearsal {

namespace {

struct LinearUcbConfig : LinearConfig {
  double alpha = 0.5;
  double ridge = 1;
  Fields fields() {
    return add_to(Fields()
                      .add("alpha", alpha, 0, 1000, "weight of the confidence width in the index")
                      .add("ridge", ridge, 1e-9, 1e12, "strength of the ridge penalty"));
  }
};

/// Arms by mean . x + alpha sqrt(x' A^-1 x), ties at random.
class LinearUcb final : public RidgeBandit {
 public:
  LinearUcb(const LinearUcbConfig& config, const PluginConfig& plugin, const Schema& schema)
      : RidgeBandit(config, config.ridge, plugin, schema), alpha_(config.alpha) {}

 private:
  std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                            ArmDecisions decisions) const override {
    Scores of = scores(requests, decisions);
    for (std::size_t c = 0; c < of.mean.size(); ++c) of.mean[c] += alpha_ * of.deviation[c];
    return make_tied(std::move(decisions.choice_offsets), std::move(decisions.n_positions),
                     std::move(of.mean));
  }
  double alpha_;
};

}  // namespace

FieldDescriptions describe_linear_ucb() { return describe_fields<LinearUcbConfig>(); }

PolicyPtr make_linear_ucb(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<LinearUcb>(config.read<LinearUcbConfig>(), config, context.schema);
}

}  // namespace rehearsal
