#include <cmath>

#include "policies/makers.h"
#include "policies/off_policy/objectives.h"

namespace rehearsal {

namespace {

struct LogSmoothingConfig : PessimistConfig {
  double lambda = 0;
  Fields fields() {
    return PessimistConfig::fields().add("lambda", lambda, 0, 1e6,
                                         "how pessimistic; 0: 1 / sqrt(pages), its rate in theory");
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

}  // namespace

std::unique_ptr<WeightedPages> log_objective(double weight_cap, double lambda) {
  return std::make_unique<LogObjective>(weight_cap, lambda);
}

FieldDescriptions describe_log_smoothing() { return describe_fields<LogSmoothingConfig>(); }

PolicyPtr make_log_smoothing(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<LogSmoothingConfig>();
  const double cap = read.weighting.weight_cap;
  const double lambda = read.lambda;
  return make_pessimist("log_smoothing", read, config, context, [cap, lambda](double n_pages) {
    return log_objective(cap, lambda > 0 ? lambda : 1 / std::sqrt(n_pages));
  });
}

}  // namespace rehearsal
