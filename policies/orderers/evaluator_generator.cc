#include <cmath>
#include <numeric>

#include "policies/constraints.h"
#include "policies/learning.h"
#include "policies/makers.h"
#include "policies/orderers/page_evaluator.h"
#include "policies/orderers/serving.h"
#include "policies/page_choices.h"
#include "sim/slate/beam.h"
#include "sim/slate/sequential.h"

namespace rehearsal {

namespace {

struct EvaluatorGeneratorConfig {
  EvaluatorConfig evaluator;
  ChoiceConfig choices;
  double purchase_weight = 20;
  std::int64_t beam = 1;
  ServeConfig serving;
  Fields fields() {
    Fields fields = evaluator.fields();
    choices.add_to(fields);
    fields
        .add("purchase_weight", purchase_weight, 0, 1e6,
             "w in the value of a page: expected clicks + w * expected purchases")
        .add("beam", beam, 1, 100000, "beginnings of pages that the beam keeps; 1: greedy");
    serving.add_to(fields);
    return fields;
  }
};

/// Draws the next candidate in proportion to (its value below what stands above)^(1 / temperature).
class NextByValue final : public NextChoice {
 public:
  NextByValue(std::vector<PageEffects> effects, double purchase_weight)
      : effects_(std::move(effects)), purchase_weight_(purchase_weight) {}

  void logits(std::size_t i, const Prefixes& prefixes,
              Eigen::Ref<RowMatrix> logits) const override {
    std::vector<std::uint16_t> page(prefixes.length + 1);
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      std::copy(prefixes.row(r).begin(), prefixes.row(r).end(), page.begin());
      for (std::size_t c = 0; c < effects_[i].n; ++c) {
        page.back() = static_cast<std::uint16_t>(c);
        logits(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) =
            std::log(effects_[i].slot_value(page, prefixes.length, purchase_weight_));
      }
    }
  }
  /// What stands above adds up, in whatever order it stands.
  std::vector<std::uint16_t> kinds(std::size_t i) const override {
    return all_different(effects_[i].n);
  }

 private:
  std::vector<PageEffects> effects_;
  double purchase_weight_;
};

/// Pages proposed by a beam, of which the evaluator picks the most valuable.
class EvaluatorGenerator final : public ChoicePolicy, public KnowsRules {
 public:
  EvaluatorGenerator(EvaluatorGeneratorConfig config, const Schema& schema)
      : ChoicePolicy(schema, config.choices),
        config_(std::move(config)),
        schema_(schema),
        reader_(schema, config_.choices),
        evaluator_(config_.evaluator, reader_) {}

  bool deterministic() const override { return config_.serving.best(); }
  bool reads_candidates() const override { return true; }

  void fit(const FitContext& context) override {
    const OrderedPages pages =
        read_ordered_pages(context, schema_, reader_, config_.purchase_weight > 0);
    const std::vector<double> losses = evaluator_.fit(pages, context);
    set_state(orderer_state(evaluator_.parameters().to_arrays(), reader_, pages, losses));
  }

  void set_rules(std::shared_ptr<const PageRules> rules) override { rules_ = std::move(rules); }
  Arrays state() const override { return state_; }
  void set_state(const Arrays& state) override {
    evaluator_.parameters().set(state);
    scales_ = saved_scales(state, reader_);
    state_ = state;
  }

 private:
  std::unique_ptr<SlateDistribution> choose(const RequestBatch& requests) const override {
    if (state_.empty()) refuse_untrained("evaluator_generator");
    const CandidatePages pages = served_pages(requests, reader_, scales_);
    std::vector<PageEffects> effects;
    for_each_block(pages.size(), [&](std::span<const std::uint32_t> rows) {
      for (PageEffects& page : evaluator_.effects(pages, rows)) effects.push_back(std::move(page));
    });
    const std::shared_ptr<const SlateRules> rules = rules_ ? rules_->of(requests) : nullptr;
    if (!deterministic()) {
      std::shared_ptr<const NextChoice> next =
          std::make_shared<NextByValue>(std::move(effects), config_.purchase_weight);
      if (rules) next = under_rules(std::move(next), rules);
      return make_sequential(requests.module_offsets, page_positions(requests), std::move(next),
                             config_.serving.temperature);
    }
    std::vector<std::uint16_t> slates(requests.module.size());
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const std::vector<std::uint16_t> page =
          best_page(effects[i], pages.n_slots[i], rules.get(), i);
      std::copy(page.begin(), page.end(), slates.begin() + requests.module_offsets[i]);
    }
    return make_fixed(requests.module_offsets, page_positions(requests), std::move(slates));
  }

  /// Args: rules: null: none.  i: the decision, to them.
  std::vector<std::uint16_t> best_page(const PageEffects& effects, std::size_t n_slots,
                                       const SlateRules* rules, std::size_t i) const {
    std::vector<std::uint16_t> page;
    std::vector<std::uint8_t> may(effects.n, 1);
    return beam_search(
        effects.n, n_slots, static_cast<std::size_t>(config_.beam),
        [&](const Prefixes& prefixes, std::span<const double>, Eigen::Ref<RowMatrix> longer) {
          page.resize(prefixes.length + 1);
          for (std::size_t r = 0; r < prefixes.n; ++r) {
            std::copy(prefixes.row(r).begin(), prefixes.row(r).end(), page.begin());
            if (rules != nullptr) rules->feasible(i, prefixes.row(r), may);
            for (std::size_t c = 0; c < effects.n; ++c) {
              page.back() = static_cast<std::uint16_t>(c);
              longer(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(c)) =
                  may[c] != 0 ? effects.value(page, config_.purchase_weight) : kInfeasible;
            }
          }
        });
  }

  EvaluatorGeneratorConfig config_;
  const Schema& schema_;
  CandidateReader reader_;
  PageEvaluator evaluator_;
  OrdererScales scales_;
  std::shared_ptr<const PageRules> rules_;  // null: none
  Arrays state_;
};

}  // namespace

FieldDescriptions describe_evaluator_generator() {
  return describe_fields<EvaluatorGeneratorConfig>();
}

PolicyPtr make_evaluator_generator(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<EvaluatorGeneratorConfig>();
  read.choices.check(config, context.schema);
  return std::make_unique<EvaluatorGenerator>(read, context.schema);
}

}  // namespace rehearsal
