#include "policies/popularity.h"

#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/module_values.h"
#include "policies/page_choices.h"

namespace rehearsal {

namespace {

struct PopularityConfig {
  std::string objective = "ctr";
  std::vector<std::string> segments;
  bool examination = true;
  double prior = 10;
  double segment_prior = 100;
  Fields fields() {
    return Fields()
        .choice("objective", objective, {"ctr", "ptr"},
                "order by clicks (ctr) or purchases (ptr) per examined impression")
        .add("segments", segments,
             "categorical features whose product makes the segments; empty: one order for all")
        .add("examination", examination,
             "count an impression by how much its place is looked at, estimated from the log's "
             "propensities; false: every impression counts 1")
        .add("prior", prior, 1e-6, 1e9, "events by which a module's rate is drawn to the mean rate")
        .add("segment_prior", segment_prior, 1e-6, 1e9,
             "events by which a segment's rate of a module is drawn to the module's");
  }
};

class Popularity final : public Policy, public ModuleValues {
 public:
  Popularity(PopularityConfig config, const Schema& schema, Segments segments)
      : config_(std::move(config)),
        schema_(schema),
        segments_(std::move(segments)),
        n_positions_(Encoder(schema).n_positions()) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    return order_by_score(requests, module_values(requests));
  }
  /// Events per examined impression.
  std::vector<double> module_values(const RequestBatch& requests) const override {
    if (rates_.size() == 0) refuse_untrained("popularity");
    std::vector<double> scores;
    scores.reserve(requests.module.size());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const double* rates =
          rates_.data() + segments_.index(requests.features(i)) * schema_.n_modules();
      for (const std::uint16_t module : requests.eligible(i)) scores.push_back(rates[module]);
    }
    return scores;
  }
  bool deterministic() const override { return true; }

  void fit(const FitContext& context) override {
    const ModuleCounts counts = count_modules(
        context,
        ModuleCounter(schema_, segments_, config_.objective == "ptr", config_.examination));
    theta_ = counts.theta;
    rates_ = smoothed_rates(counts, config_.prior, config_.segment_prior);
  }
  Arrays state() const override {
    if (rates_.size() == 0) return {};
    return {{"rate", to_array(rates_)}, {"examination", to_array(theta_)}};
  }
  void set_state(const Arrays& state) override {
    theta_ = state_array(state, "examination", {n_positions_}).values;
    rates_ = to_matrix(state_array(state, "rate", {segments_.size(), schema_.n_modules()}));
  }

 private:
  PopularityConfig config_;
  const Schema& schema_;
  Segments segments_;
  std::size_t n_positions_;
  RowMatrix rates_;            // (n_segments, n_modules)
  std::vector<double> theta_;  // (n_positions) that the counts were weighed with
};

}  // namespace

RowMatrix smoothed_rates(const ModuleCounts& counts, double prior, double segment_prior) {
  RowMatrix rates = RowMatrix::Zero(counts.events.rows(), counts.events.cols());
  const double n_events = counts.events.sum();
  if (n_events == 0) return rates;
  const double mean_rate = n_events / counts.examined.sum();
  for (Eigen::Index m = 0; m < rates.cols(); ++m) {
    const double module_rate =
        (counts.events.col(m).sum() + prior) / (counts.examined.col(m).sum() + prior / mean_rate);
    if (rates.rows() == 1) rates(0, m) = module_rate;
    for (Eigen::Index s = 0; rates.rows() > 1 && s < rates.rows(); ++s)
      rates(s, m) = (counts.events(s, m) + segment_prior) /
                    (counts.examined(s, m) + segment_prior / module_rate);
  }
  return rates;
}

FieldDescriptions describe_popularity() { return describe_fields<PopularityConfig>(); }

std::unique_ptr<Policy> make_popularity(const PluginConfig& config, const PolicyContext& context) {
  PopularityConfig read = config.read<PopularityConfig>();
  Segments segments(context.schema, read.segments, config);
  return std::make_unique<Popularity>(std::move(read), context.schema, std::move(segments));
}

}  // namespace rehearsal
