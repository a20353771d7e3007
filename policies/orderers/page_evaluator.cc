#include "policies/orderers/page_evaluator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "policies/losses.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::size_t kOutputs = 2;  // click, purchase given click
constexpr std::size_t kPlaces = 2;   // above, below

double logit(double events, double of) {
  const double p = (events + 1) / (of + 2);
  return std::log(p / (1 - p));
}

}  // namespace

double PageEffects::slot_value(std::span<const std::uint16_t> page, std::size_t k,
                               double purchase_weight) const {
  const std::size_t row = page[k] * n;
  double to_click = click[page[k]] + position[k];
  double to_purchase = purchase[page[k]];
  const auto add = [&](const std::vector<double>& effects, std::size_t other) {
    to_click += effects[(row + other) * kOutputs];
    to_purchase += effects[(row + other) * kOutputs + 1];
  };
  for (std::size_t j = 0; j < k; ++j) add(above, page[j]);
  for (std::size_t j = k + 1; !below.empty() && j < page.size(); ++j) add(below, page[j]);
  return sigmoid(to_click) * (1 + purchase_weight * sigmoid(to_purchase));
}

double PageEffects::value(std::span<const std::uint16_t> page, double purchase_weight) const {
  double sum = 0;
  for (std::size_t k = 0; k < page.size(); ++k) sum += slot_value(page, k, purchase_weight);
  return sum;
}

Fields EvaluatorConfig::fields() {
  return training.fields()
      .choice("sees", sees, {"alone", "above", "around"},
              "which others of a page a slot's clicks and purchases depend on: none, those above "
              "it, all")
      .add("pair_width", pair_width, 1, 1024,
           "hidden units of the network over two candidates of a page");
}

PageEvaluator::PageEvaluator(const EvaluatorConfig& config, const CandidateReader& reader)
    : training_(config.training),
      sees_above_(config.sees != "alone"),
      sees_below_(config.sees == "around"),
      n_cells_(reader.choices().of_items() ? 0 : reader.choices().n_ids()),
      level_(reader.choices().level_outputs()),
      n_positions_(reader.encoder().n_positions()),
      n_slots_(reader.encoder().n_slots()),
      encoder_(candidate_encoder(parameters_, reader, config.training, kOutputs)),
      position_(parameters_.bias("position", n_positions_)),
      table_(n_cells_ == 0
                 ? kAbsent
                 : parameters_.zeros("pair.table", kPlaces * n_cells_ * n_cells_, kOutputs)),
      overlap_(parameters_.zeros("pair.overlap", kPairInputs * kPlaces, kOutputs)),
      pair_own_(parameters_, "pair.own", static_cast<std::size_t>(training_.width),
                static_cast<std::size_t>(config.pair_width)),
      pair_other_(parameters_.weight("pair.other", static_cast<std::size_t>(training_.width),
                                     static_cast<std::size_t>(config.pair_width))),
      pair_overlap_(parameters_.weight("pair.overlap_hidden", kPairInputs * kPlaces,
                                       static_cast<std::size_t>(config.pair_width))),
      pair_out_(
          parameters_.zeros("pair.out", static_cast<std::size_t>(config.pair_width), kOutputs)) {}

void PageEvaluator::Pairs::add(const CandidatePages& pages, std::uint32_t page,
                               const CandidateBatch& batch, std::size_t at, std::size_t i,
                               std::size_t j, bool is_below, std::size_t n_cells) {
  own.push_back(at * batch.n + i);
  other.push_back(at * batch.n + j);
  const std::array<float, kPairInputs> pair = pages.pair(page, i, j);
  for (std::size_t place = 0; place < kPlaces; ++place)
    for (std::size_t f = 0; f < kPairInputs; ++f)
      inputs.push_back((place == 1) == is_below ? pair[f] : 0.0f);
  if (n_cells > 0)
    cell.push_back(((is_below ? n_cells : 0) + batch.id[own.back()]) * n_cells +
                   batch.id[other.back()]);
}

PageEvaluator::Outputs PageEvaluator::outputs(Tape& tape, const CandidateBatch& batch,
                                              Pairs pairs) const {
  const auto [e, base] = encoder_.on(tape, batch);
  Outputs out;
  out.own = base;
  const std::size_t n = pairs.own.size();
  const Tape::Node inputs = tape.input(n, kPairInputs * kPlaces, pairs.inputs);
  const Tape::Node of_own = tape.gather(pair_own_.on(tape, e), std::move(pairs.own));
  const Tape::Node of_other =
      tape.gather(tape.multiply(e, tape.parameter(pair_other_)), std::move(pairs.other));
  const Tape::Node hidden = tape.relu(
      tape.add(tape.add(of_own, of_other), tape.multiply(inputs, tape.parameter(pair_overlap_))));
  Tape::Node linear = tape.multiply(inputs, tape.parameter(overlap_));
  if (table_ != kAbsent)
    linear = tape.add(tape.gather(tape.parameter(table_), std::move(pairs.cell)), linear);
  out.pairs = tape.add(linear, tape.multiply(hidden, tape.parameter(pair_out_)));
  return out;
}

double PageEvaluator::loss(Tape& tape, const OrderedPages& pages,
                           std::span<const std::uint32_t> rows) const {
  const CandidateBatch batch = batch_of(pages.candidates, rows);
  Pairs pairs;
  std::vector<std::size_t> own, position, slot_of_pair, slots;
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const std::span<const std::uint16_t> shown = pages.shown(rows[p]);
    for (std::size_t k = 0; k < shown.size(); ++k) {
      const std::size_t slot = pages.slot_offsets[rows[p]] + k;
      for (std::size_t j = 0; j < shown.size(); ++j) {
        if (j == k || !(j < k ? sees_above_ : sees_below_)) continue;
        pairs.add(pages.candidates, rows[p], batch, p, shown[k], shown[j], j > k, n_cells_);
        slot_of_pair.push_back(slots.size());
      }
      own.push_back(p * batch.n + shown[k]);
      position.push_back(pages.position[slot]);
      slots.push_back(slot);
    }
  }
  const Outputs out = outputs(tape, batch, std::move(pairs));
  const Tape::Node places =
      tape.gather(tape.reshape(tape.parameter(position_), n_positions_, 1), std::move(position));
  const Tape::Node of_others = tape.sum_runs(out.pairs, std::move(slot_of_pair), slots.size());
  const Tape::Node logits = tape.add(tape.add(tape.gather(out.own, std::move(own)), of_others),
                                     tape.beside({places, tape.zeros(slots.size(), 1)}));
  double total = 0;
  const double scale = 1 / static_cast<double>(rows.size());
  const std::span<float> gradient = tape.gradient(logits);
  for (std::size_t s = 0; s < slots.size(); ++s) {
    const auto a = static_cast<double>(tape.value(logits)[s * kOutputs]);
    const auto c = static_cast<double>(tape.value(logits)[s * kOutputs + 1]);
    const LossTerm of_click = cross_entropy(a, pages.click[slots[s]]);
    const LossTerm of_purchase = product_cross_entropy(a, c, pages.purchase[slots[s]]);
    total += of_click.loss + of_purchase.loss;
    gradient[s * kOutputs] = static_cast<float>(scale * (of_click.by_first + of_purchase.by_first));
    gradient[s * kOutputs + 1] = static_cast<float>(scale * of_purchase.by_second);
  }
  return total;
}

std::vector<double> PageEvaluator::fit(const OrderedPages& pages, const FitContext& context) {
  parameters_.draw(context.rng);
  double clicks = 0, purchases = 0;
  for (const std::uint8_t click : pages.click) clicks += click;
  for (const std::uint8_t purchase : pages.purchase) purchases += purchase;
  float* base = parameters_.values().data() + parameters_.blocks()[encoder_.base_bias()].offset;
  for (std::size_t m = level_.first; m < level_.second; ++m) {
    base[m * kOutputs] = static_cast<float>(logit(clicks, static_cast<double>(pages.click.size())));
    base[m * kOutputs + 1] = static_cast<float>(logit(purchases, clicks));
  }
  std::vector<std::uint32_t> all(pages.size());
  std::iota(all.begin(), all.end(), 0u);
  return train_on_pages(
      pages, all, training_,
      [&](Tape& tape, std::span<const std::uint32_t> rows, int) { return loss(tape, pages, rows); },
      context, parameters_);
}

std::vector<PageEffects> PageEvaluator::effects(const CandidatePages& pages,
                                                std::span<const std::uint32_t> rows) const {
  const CandidateBatch batch = batch_of(pages, rows);
  Pairs pairs;
  for (std::size_t place = 0; place < kPlaces; ++place)
    for (std::size_t p = 0; p < rows.size() && (place == 0 ? sees_above_ : sees_below_); ++p)
      for (std::size_t i = 0; i < pages.n(rows[p]); ++i)
        for (std::size_t j = 0; j < pages.n(rows[p]); ++j)
          pairs.add(pages, rows[p], batch, p, i, j, place == 1, n_cells_);
  Tape tape(parameters_, false);
  const Outputs out = outputs(tape, batch, std::move(pairs));
  const std::span<const float> own = tape.value(out.own);
  const float* of_pairs = tape.value(out.pairs).data();
  const float* places = parameters_.values().data() + parameters_.blocks()[position_].offset;
  std::vector<PageEffects> effects(rows.size());
  for (std::size_t p = 0; p < rows.size(); ++p) {
    PageEffects& page = effects[p];
    page.n = pages.n(rows[p]);
    for (std::size_t i = 0; i < page.n; ++i) {
      page.click.push_back(own[(p * batch.n + i) * kOutputs]);
      page.purchase.push_back(own[(p * batch.n + i) * kOutputs + 1]);
    }
    const float* first = places + pages.first_position[rows[p]];
    page.position.assign(first, first + n_slots_);
    page.above.assign(page.n * page.n * kOutputs, 0.0);
  }
  const auto take = [&](std::vector<double>& to, std::size_t n) {
    to.assign(of_pairs, of_pairs + n);
    of_pairs += n;
  };
  for (PageEffects& page : effects)
    if (sees_above_) take(page.above, page.above.size());
  for (PageEffects& page : effects)
    if (sees_below_) take(page.below, page.n * page.n * kOutputs);
  return effects;
}

}  // namespace rehearsal
