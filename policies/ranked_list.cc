#include "policies/makers.h"
#include "policies/page_choices.h"

namespace rehearsal {

namespace {

struct RankedListConfig {
  Fields fields() { return Fields(); }
};

/// Modules in the schema's order: where there is one, the ranker decides everything.
class RankedList final : public Policy {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return order_by_score(requests, std::vector<double>(requests.module.size()));
  }
  bool deterministic() const override { return ranker() == nullptr || ranker()->deterministic(); }
};

}  // namespace

FieldDescriptions describe_ranked_list() { return describe_fields<RankedListConfig>(); }

std::unique_ptr<Policy> make_ranked_list(const PluginConfig& config, const PolicyContext&) {
  config.read<RankedListConfig>();
  return std::make_unique<RankedList>();
}

}  // namespace rehearsal
