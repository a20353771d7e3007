#include "policies/makers.h"
#include "policies/online/counting.h"
#include "sim/slate/beta_posteriors.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostArms = 0xffff;

struct BetaThompsonConfig : CountingConfig {
  double prior_a = 1;
  double prior_b = 1;
  Fields fields() {
    return add_to(Fields()
                      .add("prior_a", prior_a, 0.1, 1e6, "successes of the Beta prior")
                      .add("prior_b", prior_b, 0.1, 1e6,
                           "failures of the Beta prior; 99 beside one success is pessimistic"));
  }
};

/// Arms by independent draws of their Beta posteriors, new ones for each slate. With weighed
/// displays successes can be more than displays: failures are at least 0.
class BetaThompson final : public CountingBandit {
 public:
  BetaThompson(const BetaThompsonConfig& config, const PluginConfig& plugin, const Schema& schema)
      : CountingBandit(config, plugin, schema), config_(config) {
    if (n_arms() > kMostArms)
      plugin.refuse("arms", "there are more than " + std::to_string(kMostArms) + " of them");
    freeze();
  }

 private:
  void freeze() override {
    std::vector<std::vector<Beta>> posteriors(n_segments());
    for (Eigen::Index s = 0; s < displays().rows(); ++s)
      for (Eigen::Index a = 0; a < displays().cols(); ++a)
        posteriors[static_cast<std::size_t>(s)].push_back(
            {config_.prior_a + successes()(s, a),
             config_.prior_b + std::max(0.0, displays()(s, a) - successes()(s, a))});
    posteriors_ = make_beta_posteriors(std::move(posteriors));
  }
  std::unique_ptr<SlateDistribution> slates(const RequestBatch& requests,
                                            ArmDecisions decisions) const override {
    std::vector<std::uint32_t> group(decisions.size());
    for (std::size_t d = 0; d < group.size(); ++d)
      group[d] = static_cast<std::uint32_t>(segment(requests, decisions.round[d]));
    std::vector<std::uint16_t> ids(decisions.arm.size());
    for (std::size_t c = 0; c < ids.size(); ++c)
      ids[c] = static_cast<std::uint16_t>(decisions.arm[c]);
    return make_thompson(std::move(decisions.choice_offsets), std::move(decisions.n_positions),
                         posteriors_, std::move(group), std::move(ids));
  }
  BetaThompsonConfig config_;
  std::shared_ptr<const BetaPosteriors> posteriors_;
};

}  // namespace

FieldDescriptions describe_beta_thompson() { return describe_fields<BetaThompsonConfig>(); }

PolicyPtr make_beta_thompson(const PluginConfig& config, const PolicyContext& context) {
  return std::make_unique<BetaThompson>(config.read<BetaThompsonConfig>(), config, context.schema);
}

}  // namespace rehearsal
