#include "policies/makers.h"
#include "policies/online/counting.h"

namespace rehearsal {

namespace {

struct ExploreThenCommitConfig : CountingConfig {
  double displays = 20;
  Fields fields() {
    return add_to(Fields().add("displays", displays, 1e-6, 1e12,
                               "that an arm needs in a segment before its rate counts"));
  }
};

/// Arms with too few displays first, those that lack most ahead; then by the rate seen.
class ExploreThenCommit final : public IndexBandit {
 public:
  ExploreThenCommit(const ExploreThenCommitConfig& config, const PluginConfig& plugin,
                    const Schema& schema)
      : IndexBandit(config, plugin, schema), config_(config) {
    freeze();
  }

 private:
  double index(const Counts& counts) const override {
    // No rate is above 1.
    if (counts.displays < config_.displays) return 1 + config_.displays - counts.displays;
    return counts.mean();
  }
  ExploreThenCommitConfig config_;
};

}  // namespace

FieldDescriptions describe_explore_then_commit() {
  return describe_fields<ExploreThenCommitConfig>();
}

PolicyPtr make_explore_then_commit(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<ExploreThenCommit>(config.read<ExploreThenCommitConfig>(), config,
                                             context.schema);
}

}  // namespace rehearsal
