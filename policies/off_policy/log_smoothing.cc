#include <cmath>

#include "policies/makers.h"
#include "policies/off_policy/objectives.h"

namespace rehearsal {

namespace {

struct LogSmoothingConfig {
  LearnerConfig learner;
  WeightingConfig weighting;
  SafetyConfig safety;
  double lambda = 0;
  Fields fields() {
    Fields fields = learner.fields();
    weighting.add_to(fields);
    safety.add_to(fields);
    fields.add("lambda", lambda, 0, 1e6, "how pessimistic; 0: 1 / sqrt(pages), its rate in theory");
    return fields;
  }
};

class LogObjective final : public WeightedPages {
 public:
  LogObjective(double weight_cap, double lambda) : WeightedPages(weight_cap), lambda_(lambda) {}

 private:
  void slopes(std::span<const double> weights, std::span<const double> rewards,
              std::span<double> slopes) const override {
    for (std::size_t k = 0; k < weights.size(); ++k)
      slopes[k] = rewards[k] / (1 + lambda_ * weights[k] * rewards[k]);
  }

  double lambda_;
};

class LogSmoothing final : public LearningMethod {
 public:
  explicit LogSmoothing(LogSmoothingConfig config) : config_(std::move(config)) {}

  ScoreNetwork learn(const Training& training) const override {
    const auto n = static_cast<double>(training.pages().size());
    const auto objective = log_objective(config_.weighting.weight_cap,
                                         config_.lambda > 0 ? config_.lambda : 1 / std::sqrt(n));
    return learn_safely(training, config_.weighting, config_.safety, *objective);
  }

 private:
  LogSmoothingConfig config_;
};

}  // namespace

std::unique_ptr<WeightedPages> log_objective(double weight_cap, double lambda) {
  return std::make_unique<LogObjective>(weight_cap, lambda);
}

FieldDescriptions describe_log_smoothing() { return describe_fields<LogSmoothingConfig>(); }

PolicyPtr make_log_smoothing(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<LogSmoothingConfig>();
  return make_off_policy_learner("log_smoothing", read.learner,
                                 std::make_unique<LogSmoothing>(read), context.schema);
}

}  // namespace rehearsal
