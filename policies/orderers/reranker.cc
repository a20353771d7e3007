#include "policies/orderers/reranker.h"

#include <algorithm>

#include "policies/examination.h"
#include "policies/learning.h"
#include "policies/orderers/list_loss.h"
#include "policies/page_choices.h"

namespace rehearsal {

namespace {

constexpr double kLargestWeight = 10;

/// Candidates by descending score of a network, or drawn by Plackett-Luce.
class Reranker final : public ChoicePolicy {
 public:
  Reranker(std::string type, RerankerConfig config, const MakeNetwork& make, const Schema& schema)
      : ChoicePolicy(schema, config.choices),
        type_(std::move(type)),
        config_(std::move(config)),
        schema_(schema),
        reader_(schema, config_.choices),
        encoder_(candidate_encoder(parameters_, reader_, config_.training, 1)),
        network_(make(parameters_, network_size(reader_, config_.training))) {
    if (config_.position == "additive")
      position_ = parameters_.bias("position", reader_.encoder().n_positions());
  }

  bool deterministic() const override { return config_.serving.best(); }
  bool reads_candidates() const override { return true; }

  void fit(const FitContext& context) override {
    const OrderedPages pages =
        read_ordered_pages(context, schema_, reader_, config_.purchase_weight > 0);
    std::vector<double> weight(reader_.encoder().n_positions(), 1.0);
    if (config_.position == "inverse")
      weight = inverse_examination(context.rounds, reader_.choices());
    std::vector<double> labels;
    std::vector<std::uint32_t> with_label;
    for (std::uint32_t i = 0; i < pages.size(); ++i) {
      double total = 0;
      for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
        labels.push_back(weight[pages.position[slot]] *
                         label_of(pages, slot, config_.purchase_weight));
        total += labels.back();
      }
      if (total > 0) with_label.push_back(i);  // the others have no gradient
    }
    parameters_.draw(context.rng);
    const std::vector<double> losses = train_on_pages(
        pages, with_label, config_.training,
        [&](Tape& tape, std::span<const std::uint32_t> rows, int) {
          return loss(tape, pages, labels, rows);
        },
        context, parameters_);
    set_state(orderer_state(parameters_.to_arrays(), reader_, pages, losses));
  }

  Arrays state() const override { return state_; }
  void set_state(const Arrays& state) override {
    parameters_.set(state);
    scales_ = saved_scales(state, reader_);
    state_ = state;
  }

 private:
  std::unique_ptr<SlateDistribution> choose(const RequestBatch& requests) const override {
    if (state_.empty()) refuse_untrained(type_);
    const CandidatePages pages = served_pages(requests, reader_, scales_);
    std::vector<double> scores;
    scores.reserve(pages.rank.size());
    for_each_block(pages.size(), [&](std::span<const std::uint32_t> rows) {
      const CandidateBatch batch = batch_of(pages, rows);
      if (batch.n == 0) return;
      Tape tape(parameters_, false);
      const std::span<const float> all = tape.value(scores_of(tape, batch));
      for (std::size_t r = 0; r < batch.n_rows(); ++r)
        if (batch.present[r] != 0) scores.push_back(static_cast<double>(all[r]));
    });
    if (deterministic()) return order_by_score(requests, std::move(scores));
    for (double& score : scores) score /= config_.serving.temperature;
    return make_plackett_luce(requests.module_offsets, page_positions(requests), std::move(scores));
  }

  Tape::Node scores_of(Tape& tape, const CandidateBatch& batch) const {
    const CandidateEncoder::Encoded encoded = encoder_.on(tape, batch);
    return tape.add(encoded.base, network_->scores(tape, batch, encoded.e));
  }

  /// Of what was shown; the logit of the place is left out when serving.
  double loss(Tape& tape, const OrderedPages& pages, const std::vector<double>& labels,
              std::span<const std::uint32_t> rows) const {
    const CandidateBatch batch = batch_of(pages.candidates, rows);
    std::vector<std::size_t> shown, position;
    for (std::size_t p = 0; p < rows.size(); ++p)
      for (std::size_t k = 0; k < pages.n_shown(rows[p]); ++k) {
        shown.push_back(p * batch.n + pages.shown(rows[p])[k]);
        position.push_back(pages.position[pages.slot_offsets[rows[p]] + k]);
      }
    Tape::Node z = tape.gather(scores_of(tape, batch), std::move(shown));
    if (config_.position == "additive")
      z = tape.add(z, tape.gather(tape.reshape(tape.parameter(position_),
                                               reader_.encoder().n_positions(), 1),
                                  std::move(position)));
    const bool attention = config_.loss == "attention";
    const std::span<const float> values = tape.value(z);
    const std::span<float> gradient = tape.gradient(z);
    std::vector<double> own, slope;
    double total = 0;
    for (std::size_t p = 0, first = 0; p < rows.size(); ++p) {
      const std::size_t n = pages.n_shown(rows[p]);
      own.assign(values.begin() + static_cast<std::ptrdiff_t>(first),
                 values.begin() + static_cast<std::ptrdiff_t>(first + n));
      slope.resize(n);
      const std::span<const double> y(labels.data() + pages.slot_offsets[rows[p]], n);
      total += attention ? attention_rank_loss(own, y, slope) : listwise_loss(own, y, slope);
      for (std::size_t k = 0; k < n; ++k)
        gradient[first + k] = static_cast<float>(slope[k] / static_cast<double>(rows.size()));
      first += n;
    }
    return total;
  }

  std::string type_;
  RerankerConfig config_;
  const Schema& schema_;
  CandidateReader reader_;
  Parameters parameters_;
  CandidateEncoder encoder_;
  std::unique_ptr<const RerankNetwork> network_;
  std::size_t position_ = 0;
  OrdererScales scales_;
  Arrays state_;
};

}  // namespace

NetworkSize network_size(const CandidateReader& reader, const OrdererTraining& training) {
  return {static_cast<std::size_t>(training.width), reader.choices().n_ranks()};
}

RerankerConfig::RerankerConfig() {
  training.width = 8;
  training.steps = 1500;
  training.learning_rate = 0.003;
  training.weight_decay = 5;
}

Fields RerankerConfig::fields() {
  Fields fields = training.fields();
  choices.add_to(fields);
  fields
      .add("purchase_weight", purchase_weight, 0, 1e6,
           "w in the value of what is shown: click + w * purchase")
      .choice("loss", loss, {"listwise", "attention"},
              "over what was shown; listwise: cross entropy of their values; attention: of the "
              "softmax of their values")
      .choice("position", position, {"additive", "inverse", "none"},
              "additive: a learnt logit a device and slot, dropped when serving; inverse: values "
              "over the examination of their slot; none: position-blind");
  serving.add_to(fields);
  return fields;
}

double label_of(const OrderedPages& pages, std::size_t slot, double purchase_weight) {
  return pages.click[slot] + purchase_weight * pages.purchase[slot];
}

std::vector<double> inverse_examination(const RoundSource& rounds, const Choices& choices) {
  std::vector<double> weight = estimate_examination(rounds, choices);
  for (double& theta : weight) theta = std::min(1 / theta, kLargestWeight);
  return weight;
}

std::unique_ptr<Policy> make_reranker(std::string type, RerankerConfig config,
                                      const MakeNetwork& make, const PluginConfig& given,
                                      const Schema& schema) {
  config.choices.check(given, schema);
  return std::make_unique<Reranker>(std::move(type), std::move(config), make, schema);
}

}  // namespace rehearsal
