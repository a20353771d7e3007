#include "policies/makers.h"
#include "policies/page_choices.h"

namespace rehearsal {

namespace {

struct UniformConfig {
  Fields fields() { return Fields(); }
};

class Uniform final : public Policy {
 public:
  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return make_uniform(requests.module_offsets, page_positions(requests));
  }
  bool deterministic() const override { return false; }
};

}  // namespace

FieldDescriptions describe_uniform() { return describe_fields<UniformConfig>(); }

std::unique_ptr<Policy> make_uniform_policy(const PluginConfig& config, const PolicyContext&) {
  config.read<UniformConfig>();
  return std::make_unique<Uniform>();
}

}  // namespace rehearsal
