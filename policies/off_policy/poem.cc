#include <cmath>

#include "policies/makers.h"
#include "policies/off_policy/objectives.h"

namespace rehearsal {

namespace {

struct PoemConfig : PessimistConfig {
  double variance_penalty = 1;
  Fields fields() {
    return PessimistConfig::fields().add("variance_penalty", variance_penalty, 0, 1e6,
                                         "standard errors of the mean that are taken off it");
  }
};

struct LowerBoundConfig : PessimistConfig {
  double delta = 0.05;
  Fields fields() {
    return PessimistConfig::fields().add(
        "delta", delta, 1e-9, 0.5,
        "the bound (Maurer and Pontil, COLT 2009, theorem 4) holds with probability 1 - delta; "
        "its term without the policy is dropped");
  }
};

class VariancePenalty final : public WeightedPages {
 public:
  VariancePenalty(double weight_cap, double lambda) : WeightedPages(weight_cap), lambda_(lambda) {}

  void start_epoch(const LoggedPages& pages, ScoreNetwork& network) override {
    const ValueMoments moments = value_moments(pages, weight_cap(), network);
    const auto n = static_cast<double>(pages.size());
    const double deviation = std::sqrt(moments.variance);
    scale_ = lambda_ / std::sqrt(n);
    square_ = deviation > 0 && n > 1 ? n / (2 * (n - 1) * deviation) : 0;
    linear_ = -2 * moments.mean * square_;
  }

 private:
  void slopes(std::span<const double> weights, std::span<const double> rewards,
              std::span<double> slopes) const override {
    double u = 0;
    for (std::size_t k = 0; k < weights.size(); ++k) u += weights[k] * rewards[k];
    const double slope = 1 - scale_ * (linear_ + 2 * square_ * u);
    for (std::size_t k = 0; k < weights.size(); ++k) slopes[k] = slope * rewards[k];
  }

  double lambda_;
  double scale_ = 0;
  double square_ = 0;
  double linear_ = 0;
};

PolicyPtr make_penalised(const std::string& type, const PessimistConfig& config, double lambda,
                         const PluginConfig& given, const PolicyContext& context) {
  const double cap = config.weighting.weight_cap;
  return make_pessimist(type, config, given, context,
                        [cap, lambda](double) { return variance_penalty(cap, lambda); });
}

}  // namespace

std::unique_ptr<WeightedPages> variance_penalty(double weight_cap, double lambda) {
  return std::make_unique<VariancePenalty>(weight_cap, lambda);
}

FieldDescriptions describe_poem() { return describe_fields<PoemConfig>(); }

PolicyPtr make_poem(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<PoemConfig>();
  return make_penalised("poem", read, read.variance_penalty, config, context);
}

FieldDescriptions describe_lower_bound() { return describe_fields<LowerBoundConfig>(); }

PolicyPtr make_lower_bound(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<LowerBoundConfig>();
  return make_penalised("lower_bound", read, std::sqrt(2 * std::log(2 / read.delta)), config,
                        context);
}

}  // namespace rehearsal
