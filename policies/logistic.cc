#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/module_values.h"
#include "policies/page_choices.h"
#include "sim/core/scalars.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

struct LogisticConfig {
  std::string position = "additive";
  std::string objective = "click";
  double l2 = 1;
  Fields fields() {
    return Fields()
        .choice("position", position, {"additive", "none"},
                "additive: a logit a device and slot, learnt beside the modules' and dropped at "
                "serving; none: places are taken for alike")
        .choice("objective", objective, {"click", "purchase"},
                "what an impression is a success of; purchase: without regard to the click")
        .add("l2", l2, 0, 1e12, "strength of the penalty on coefficients, in impressions");
  }
};

/// Modules by their fitted logit, without the place's.
class Logistic final : public Policy, public ModuleValues {
 public:
  Logistic(LogisticConfig config, const Schema& schema)
      : config_(std::move(config)), schema_(schema), encoder_(schema) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return order_by_score(requests, logits(requests));
  }
  bool deterministic() const override { return true; }
  /// Probabilities.
  std::vector<double> module_values(const RequestBatch& requests) const override {
    std::vector<double> values = logits(requests);
    for (double& value : values) value = logistic(value);
    return values;
  }

  void fit(const FitContext& context) override {
    check_same_schema(*context.rounds.schema, schema_);
    ModuleLogisticSpec spec;
    spec.objective = config_.objective == "purchase" ? Objective::kPurchase : Objective::kClick;
    spec.position = config_.position == "additive";
    spec.l2 = config_.l2;
    ModuleLogisticOptions options;
    options.threads = 1;  // policies are fitted side by side
    options.task = "train " + context.name;
    options.progress = context.progress;
    model_ = fit_module_logistic(context.rounds, {spec}, context.rng, options).front();
  }
  Arrays state() const override {
    return model_.coefficients.size() == 0 ? Arrays{} : to_arrays(model_);
  }
  void set_state(const Arrays& state) override {
    state_array(state, "coefficients", {schema_.n_modules(), 1 + encoder_.n_inputs()});
    state_array(state, "position", {encoder_.n_positions()});
    model_ = module_logistic_from(state, schema_.n_modules(), encoder_);
  }

 private:
  std::vector<double> logits(const RequestBatch& requests) const {
    if (model_.coefficients.size() == 0) refuse_untrained("logistic");
    RowMatrixF inputs;
    encoder_.encode(requests, inputs);
    std::vector<double> scores;
    scores.reserve(requests.module.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::span<const float> x{inputs.row(static_cast<Eigen::Index>(i)).data(),
                                     encoder_.n_inputs()};
      for (const std::uint16_t module : requests.eligible(i))
        scores.push_back(model_.logit(module, x));
    }
    return scores;
  }

  LogisticConfig config_;
  const Schema& schema_;
  Encoder encoder_;
  ModuleLogistic model_;
};

}  // namespace

FieldDescriptions describe_logistic() { return describe_fields<LogisticConfig>(); }

std::unique_ptr<Policy> make_logistic(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<Logistic>(config.read<LogisticConfig>(), context.schema);
}

}  // namespace rehearsal
