#include <algorithm>
#include <numeric>

#include "policies/constraints.h"
#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/orderers/pointer_training.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct PointerConfig {
  OrdererTraining training;
  ChoiceConfig choices;
  double purchase_weight = 20;
  std::string position = "additive";
  std::string decoder = "recurrent";
  std::string learn = "evaluator";
  std::int64_t reinforce_steps = 500;
  std::int64_t samples = 4;
  double weight_cap = 20;
  EvaluatorConfig evaluator;
  std::int64_t beam = 8;
  ServeConfig serving;

  PointerConfig() {
    training.width = 8;
    training.steps = 500;
    training.learning_rate = 0.003;
    training.weight_decay = 2;
  }
  Fields fields() {
    Fields fields = training.fields();
    choices.add_to(fields);
    fields
        .add("purchase_weight", purchase_weight, 0, 1e6,
             "w in the value of what is shown: click + w * purchase")
        .choice("position", position, {"additive", "inverse", "none"},
                "while it learns from logged pages; additive: a learnt logit a device and slot, "
                "dropped when serving; inverse: values over the examination of their slot; none: "
                "position-blind")
        .choice("decoder", decoder, {"recurrent", "one_step"},
                "recurrent: each step knows what has been placed; one_step: one score a candidate")
        .choice("learn", learn, {"supervised", "log", "evaluator"},
                "supervised: cross entropy along logged pages; then, log: importance-weighted "
                "REINFORCE on their rewards; evaluator: REINFORCE on pages of its own, valued by "
                "an evaluator that is trained first")
        .add("reinforce_steps", reinforce_steps, 1, 1000000,
             "batches of learn: log or evaluator, after those of the supervised start")
        .add("samples", samples, 2, 1000, "pages drawn a request and pass; learn: evaluator")
        .add("weight_cap", weight_cap, 1, 1e9, "largest importance weight; learn: log")
        .group("evaluator", evaluator.fields(), "of learn: evaluator")
        .add("beam", beam, 1, 100000, "beginnings of pages that the beam keeps; 1: greedy");
    serving.add_to(fields);
    return fields;
  }
};

/// Pages placed step by step by a pointer network.
class Pointer final : public ChoicePolicy, public KnowsRules {
 public:
  Pointer(PointerConfig config, const Schema& schema)
      : ChoicePolicy(schema, config.choices),
        config_(std::move(config)),
        schema_(schema),
        reader_(schema, config_.choices),
        network_(parameters_, candidate_encoder(parameters_, reader_, config_.training, 1),
                 network_size(reader_, config_.training), config_.decoder == "recurrent"),
        position_(config_.position == "additive"
                      ? parameters_.bias("position", reader_.encoder().n_positions())
                      : kAbsent) {}

  bool deterministic() const override { return config_.serving.best(); }
  bool reads_candidates() const override { return true; }

  void fit(const FitContext& context) override {
    const OrderedPages pages =
        read_ordered_pages(context, schema_, reader_, config_.purchase_weight > 0);
    if (config_.learn == "log" && pages.pscore_cascade.empty())
      throw Error(ErrorKind::kInput, "train " + context.name +
                                         ": the log has no propensities (pscore_cascade), which "
                                         "learn: log weighs by");
    parameters_.draw(context.rng);
    std::vector<double> losses = supervise(pages, context);
    if (config_.learn == "log") reinforce_by_log(pages, context, losses);
    if (config_.learn == "evaluator") reinforce_by_evaluator(pages, context, losses);
    set_state(orderer_state(parameters_.to_arrays(), reader_, pages, losses));
  }

  void set_rules(std::shared_ptr<const PageRules> rules) override { rules_ = std::move(rules); }
  Arrays state() const override { return state_; }
  void set_state(const Arrays& state) override {
    parameters_.set(state);
    scales_ = saved_scales(state, reader_);
    state_ = state;
  }

 private:
  std::unique_ptr<SlateDistribution> choose(const RequestBatch& requests) const override {
    if (state_.empty()) refuse_untrained("pointer");
    std::shared_ptr<const NextChoice> next =
        network_.next_choice(parameters_, served_pages(requests, reader_, scales_));
    if (rules_) next = under_rules(std::move(next), rules_->of(requests));
    if (deterministic())
      return make_beam(requests.module_offsets, page_positions(requests), *next,
                       static_cast<std::size_t>(config_.beam));
    return make_sequential(requests.module_offsets, page_positions(requests), next,
                           config_.serving.temperature);
  }

  ValuedPages valued(const OrderedPages& pages, const std::vector<double>& weight) const {
    ValuedPages logged{pages, {}, position_};
    for (std::size_t slot = 0; slot < pages.choice.size(); ++slot)
      logged.value.push_back(weight[pages.position[slot]] *
                             label_of(pages, slot, config_.purchase_weight));
    return logged;
  }

  std::vector<double> supervise(const OrderedPages& pages, const FitContext& context) {
    std::vector<double> weight(reader_.encoder().n_positions(), 1.0);
    if (config_.position == "inverse")
      weight = inverse_examination(context.rounds, reader_.choices());
    const ValuedPages logged = valued(pages, weight);
    std::vector<std::uint32_t> with_value;
    for (std::uint32_t i = 0; i < pages.size(); ++i)
      if (std::any_of(logged.value.begin() + pages.slot_offsets[i],
                      logged.value.begin() + pages.slot_offsets[i + 1],
                      [](double value) { return value > 0; }))
        with_value.push_back(i);
    return train_on_pages(
        pages, with_value, config_.training,
        [&](Tape& tape, std::span<const std::uint32_t> rows, int) {
          return supervised_loss(network_, tape, logged, rows);
        },
        context, parameters_);
  }

  /// A second training, from where the first one stopped.
  void reinforce(const PageLoss& loss, OrdererTraining again, const OrderedPages& pages,
                 const FitContext& context, std::vector<double>& losses) {
    again.steps = config_.reinforce_steps;
    std::vector<std::uint32_t> all(pages.size());
    std::iota(all.begin(), all.end(), 0u);
    for (const double each : train_on_pages(pages, all, again, loss, context, parameters_))
      losses.push_back(each);
  }

  void reinforce_by_log(const OrderedPages& pages, const FitContext& context,
                        std::vector<double>& losses) {
    const ValuedPages logged =
        valued(pages, std::vector<double>(reader_.encoder().n_positions(), 1.0));
    const std::size_t n_slots = reader_.encoder().n_slots();
    std::vector<double> baseline(n_slots, 0.0), n(n_slots, 0.0);
    for (std::size_t i = 0; i < pages.size(); ++i)
      for (std::size_t t = 0; t < pages.n_shown(i); ++t) {
        baseline[t] += logged.value[pages.slot_offsets[i] + t];
        n[t] += 1;
      }
    for (std::size_t t = 0; t < baseline.size(); ++t) baseline[t] /= std::max(n[t], 1.0);
    reinforce(
        [&](Tape& tape, std::span<const std::uint32_t> rows, int) {
          return logged_reward_loss(network_, tape, logged, baseline, config_.weight_cap, rows);
        },
        config_.training, pages, context, losses);
  }

  void reinforce_by_evaluator(const OrderedPages& pages, const FitContext& context,
                              std::vector<double>& losses) {
    PageEvaluator evaluator(config_.evaluator, reader_);
    evaluator.fit(pages, context);
    OrdererTraining to_the_end = config_.training;
    to_the_end.validation_share = 0;  // an evaluator values pages without noise
    reinforce(
        [&](Tape& tape, std::span<const std::uint32_t> rows, int epoch) {
          return evaluator_loss(network_, tape, pages.candidates, evaluator,
                                config_.purchase_weight, static_cast<std::size_t>(config_.samples),
                                context.rng, epoch, rows);
        },
        to_the_end, pages, context, losses);
  }

  PointerConfig config_;
  const Schema& schema_;
  CandidateReader reader_;
  Parameters parameters_;
  PointerNetwork network_;
  std::size_t position_;
  OrdererScales scales_;
  std::shared_ptr<const PageRules> rules_;  // null: none
  Arrays state_;
};

}  // namespace

FieldDescriptions describe_pointer() { return describe_fields<PointerConfig>(); }

PolicyPtr make_pointer(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<PointerConfig>();
  read.choices.check(config, context.schema);
  return std::make_unique<Pointer>(read, context.schema);
}

}  // namespace rehearsal
