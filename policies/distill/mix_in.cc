#include "policies/distill/makers.h"

namespace rehearsal {

namespace {

struct MixInConfig {
  double share = 0.01;
  Fields fields() {
    return Fields().add("share", share, 0, 1,
                        "chance that an item shown in the other domain is among the examples");
  }
};

/// No teacher: a sample of the other domain's own examples. Inputs that it lacks are at their
/// default, tasks whose label it does not record are not observed there.
class MixIn final : public Distillation {
 public:
  explicit MixIn(const MixInConfig& config) : config_(config) {}
  std::string labels() const override { return ""; }
  std::vector<std::size_t> bind(const LabelSource&) override { return {}; }
  double mixed_in() const override { return config_.share; }
  double add_loss(const DistillationBatch&) const override { return 0; }

 private:
  MixInConfig config_;
};

}  // namespace

DistillationFields describe_mix_in() { return describe_fields<MixInConfig>(); }

DistillationPtr make_mix_in(const PluginConfig& config, const std::vector<TaskSpec>&) {
  return std::make_unique<MixIn>(config.read<MixInConfig>());
}

}  // namespace rehearsal
