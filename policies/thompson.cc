#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/module_counts.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct ThompsonConfig {
  std::string objective = "ctr";
  std::vector<std::string> segments;
  double prior_a = 1;
  double prior_b = 1;
  bool examination = true;
  Fields fields() {
    return Fields()
        .choice("objective", objective, {"ctr", "ptr"}, "learn clicks (ctr) or purchases (ptr)")
        .add("segments", segments,
             "categorical features whose product makes the segments, each with posteriors of its "
             "own; empty: one for all")
        .add("prior_a", prior_a, 1e-3, 1e9, "successes of the Beta prior")
        .add("prior_b", prior_b, 1e-3, 1e9, "failures of the Beta prior")
        .add("examination", examination,
             "count an impression by how much its place is looked at, estimated from the log's "
             "propensities; false: every impression counts 1");
  }
};

/// Posterior of a module in a segment: Beta(prior_a + events, prior_b + failures), failures =
/// examined impressions - events, at least 0 (with weighed impressions events can be more).
class Thompson final : public Policy {
 public:
  Thompson(ThompsonConfig config, const Schema& schema, Segments segments)
      : config_(std::move(config)),
        schema_(schema),
        segments_(std::move(segments)),
        n_positions_(Encoder(schema).n_positions()) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    if (!posteriors_) refuse_untrained("thompson");
    std::vector<std::uint32_t> group(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      group[i] = static_cast<std::uint32_t>(segments_.index(requests.features(i)));
    return make_thompson(requests.module_offsets, page_positions(requests), posteriors_,
                         std::move(group), requests.module);
  }
  bool deterministic() const override { return false; }

  void fit(const FitContext& context) override {
    const ModuleCounts counts = count_modules(
        context,
        ModuleCounter(schema_, segments_, config_.objective == "ptr", config_.examination));
    theta_ = counts.theta;
    a_ = counts.events.array() + config_.prior_a;
    b_ = (counts.examined - counts.events).cwiseMax(0).array() + config_.prior_b;
    freeze();
  }
  Arrays state() const override {
    if (!posteriors_) return {};
    return {{"a", to_array(a_)}, {"b", to_array(b_)}, {"examination", to_array(theta_)}};
  }
  void set_state(const Arrays& state) override {
    const std::vector<std::size_t> shape{segments_.size(), schema_.n_modules()};
    theta_ = state_array(state, "examination", {n_positions_}).values;
    a_ = to_matrix(state_array(state, "a", shape));
    b_ = to_matrix(state_array(state, "b", shape));
    if (a_.minCoeff() <= 0 || b_.minCoeff() <= 0)
      throw Error(ErrorKind::kInput, "saved state: a Beta posterior has a parameter <= 0");
    freeze();
  }

 private:
  void freeze() {
    std::vector<std::vector<Beta>> posteriors(segments_.size());
    for (Eigen::Index s = 0; s < a_.rows(); ++s)
      for (Eigen::Index m = 0; m < a_.cols(); ++m)
        posteriors[static_cast<std::size_t>(s)].push_back({a_(s, m), b_(s, m)});
    posteriors_ = make_beta_posteriors(std::move(posteriors));
  }

  ThompsonConfig config_;
  const Schema& schema_;
  Segments segments_;
  std::size_t n_positions_;
  RowMatrix a_;                // (n_segments, n_modules)
  RowMatrix b_;                // (n_segments, n_modules)
  std::vector<double> theta_;  // (n_positions) that the counts were weighed with
  std::shared_ptr<const BetaPosteriors> posteriors_;
};

}  // namespace

FieldDescriptions describe_thompson() { return describe_fields<ThompsonConfig>(); }

std::unique_ptr<Policy> make_thompson_policy(const PluginConfig& config,
                                             const PolicyContext& context) {
  ThompsonConfig read = config.read<ThompsonConfig>();
  Segments segments(context.schema, read.segments, config);
  return std::make_unique<Thompson>(std::move(read), context.schema, std::move(segments));
}

}  // namespace rehearsal
