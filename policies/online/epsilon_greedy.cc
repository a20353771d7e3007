#include "policies/makers.h"
#include "policies/online/counting.h"

namespace rehearsal {

namespace {

struct EpsilonGreedyConfig : CountingConfig {
  double epsilon = 0.1;
  double initial = 1;
  Fields fields() {
    return add_to(Fields()
                      .add("epsilon", epsilon, 0, 1, "share of slates in uniformly random order")
                      .add("initial", initial, 0, 1, "rate of an arm that was never shown"));
  }
};

/// With one coin a slate, arms at random or by the rate seen, equal rates in random order.
class EpsilonGreedy final : public IndexBandit {
 public:
  EpsilonGreedy(const EpsilonGreedyConfig& config, const PluginConfig& plugin, const Schema& schema)
      : IndexBandit(config, plugin, schema), config_(config) {
    freeze();
  }

 private:
  double index(const Counts& counts) const override {
    return counts.displays > 0 ? counts.mean() : config_.initial;
  }
  std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                            ArmDecisions decisions) const override {
    std::vector<std::unique_ptr<SlateDistribution>> parts;
    parts.push_back(make_uniform(decisions.choice_offsets, decisions.n_positions));
    parts.push_back(IndexBandit::slates(requests, std::move(decisions)));
    return make_mixture(std::move(parts), {config_.epsilon, 1 - config_.epsilon});
  }
  EpsilonGreedyConfig config_;
};

}  // namespace

FieldDescriptions describe_epsilon_greedy() { return describe_fields<EpsilonGreedyConfig>(); }

PolicyPtr make_epsilon_greedy(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<EpsilonGreedy>(config.read<EpsilonGreedyConfig>(), config,
                                         context.schema);
}

}  // namespace rehearsal
