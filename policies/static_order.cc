#include <yaml-cpp/yaml.h>

#include "policies/makers.h"
#include "policies/page_choices.h"

namespace rehearsal {

namespace {

struct StaticOrderConfig {
  std::vector<std::string> order{"curated"};
  Fields fields() {
    return Fields().add_list_or("order", order, {"curated"},
                                "module names, first to last; curated: the site's present order; "
                                "modules not named follow in the schema's order");
  }
};

class StaticOrder final : public Policy {
 public:
  /// Args: scores: (n_modules) the order as descending scores.
  explicit StaticOrder(std::vector<double> scores) : scores_(std::move(scores)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<double> scores(requests.module.size());
    for (std::size_t m = 0; m < scores.size(); ++m) scores[m] = scores_[requests.module[m]];
    return order_by_score(requests, std::move(scores));
  }
  bool deterministic() const override { return true; }

 private:
  std::vector<double> scores_;
};

/// Names to descending scores; modules that are not named all get the lowest.
std::vector<double> scores_of(const std::vector<std::string>& order, const Schema& schema,
                              const PluginConfig& config) {
  const double lowest = -static_cast<double>(order.size()) - 1;
  std::vector<double> scores(schema.n_modules(), lowest);
  for (std::size_t k = 0; k < order.size(); ++k) {
    const std::string at = where(config.node["order"], config.source.child("order"));
    double& score = scores[schema.module_index(order[k], at)];
    if (score != lowest) config.refuse("order", "module '" + order[k] + "' stands there twice");
    score = -static_cast<double>(k);
  }
  return scores;
}

}  // namespace

FieldDescriptions describe_static_order() { return describe_fields<StaticOrderConfig>(); }

std::unique_ptr<Policy> make_static_order(const PluginConfig& config,
                                          const PolicyContext& context) {
  const StaticOrderConfig read = config.read<StaticOrderConfig>();
  const bool curated = read.order == std::vector<std::string>{"curated"};
  if (curated && context.schema.curated_order.empty())
    config.refuse("order", "there is no curated order in this schema; list the module names");
  if (read.order.empty()) config.refuse("order", "the list is empty; name at least one module");
  return std::make_unique<StaticOrder>(
      scores_of(curated ? context.schema.curated_order : read.order, context.schema, config));
}

}  // namespace rehearsal
