#include "policies/orderers/pointer_training.h"

#include <algorithm>
#include <cmath>

#include "policies/orderers/list_loss.h"

namespace rehearsal {

namespace {

constexpr std::uint16_t kPointerRound = 2;  // below Draw::kTraining, of the page's index and epoch

std::size_t most_shown(const OrderedPages& pages, std::span<const std::uint32_t> rows) {
  std::size_t most = 0;
  for (const std::uint32_t row : rows) most = std::max(most, pages.n_shown(row));
  return most;
}

/// The logged page, whatever the network says.
Choose follow(const OrderedPages& pages, std::span<const std::uint32_t> rows) {
  return [&pages, rows](std::size_t t, std::size_t page, std::span<const double>) {
    const std::span<const std::uint16_t> shown = pages.shown(rows[page]);
    return t < shown.size() ? shown[t] : Tape::kNone;
  };
}

/// A candidate with its probability.
std::size_t draw(std::span<const double> probability, Stream& stream) {
  double left = stream.uniform();
  std::size_t last = Tape::kNone;
  for (std::size_t c = 0; c < probability.size(); ++c) {
    if (probability[c] == 0) continue;
    last = c;
    if ((left -= probability[c]) < 0) break;
  }
  return last;
}

}  // namespace

double supervised_loss(const PointerNetwork& network, Tape& tape, const ValuedPages& logged,
                       std::span<const std::uint32_t> rows) {
  const OrderedPages& pages = logged.pages;
  const CandidateBatch batch = batch_of(pages.candidates, rows);
  const PointerWalk steps =
      walk(network, tape, batch, most_shown(pages, rows), follow(pages, rows));
  double total = 0;
  std::vector<double> z, y, slope;
  for (std::size_t t = 0; t < steps.logits.size(); ++t) {
    Tape::Node u = steps.logits[t];
    if (logged.position != kAbsent) {
      std::vector<std::size_t> place(batch.n_rows(), Tape::kNone);
      for (std::size_t p = 0; p < rows.size(); ++p)
        for (std::size_t k = 0; k < pages.n_shown(rows[p]); ++k)
          place[p * batch.n + pages.shown(rows[p])[k]] =
              pages.position[pages.slot_offsets[rows[p]] + k];
      const Tape::Node all = tape.parameter(logged.position);
      u = tape.add(u, tape.gather(tape.reshape(all, tape.columns(all), 1), std::move(place)));
    }
    for (std::size_t p = 0; p < rows.size(); ++p) {
      const std::span<const std::uint16_t> shown = pages.shown(rows[p]);
      if (t >= shown.size()) continue;
      const std::span<const std::uint16_t> left = shown.subspan(t);
      y.assign(logged.value.begin() + pages.slot_offsets[rows[p]] + static_cast<std::ptrdiff_t>(t),
               logged.value.begin() + pages.slot_offsets[rows[p] + 1]);
      const auto n_left = static_cast<double>(
          std::count_if(y.begin(), y.end(), [](double value) { return value > 0; }));
      if (n_left == 0) continue;
      for (double& value : y) value /= n_left;
      z.resize(left.size());
      slope.resize(left.size());
      for (std::size_t k = 0; k < left.size(); ++k)
        z[k] = static_cast<double>(tape.value(u)[p * batch.n + left[k]]);
      total += listwise_loss(z, y, slope);
      for (std::size_t k = 0; k < left.size(); ++k)
        tape.gradient(u)[p * batch.n + left[k]] +=
            static_cast<float>(slope[k] / static_cast<double>(rows.size()));
    }
  }
  return total;
}

double logged_reward_loss(const PointerNetwork& network, Tape& tape, const ValuedPages& logged,
                          std::span<const double> baseline, double weight_cap,
                          std::span<const std::uint32_t> rows) {
  const OrderedPages& pages = logged.pages;
  const CandidateBatch batch = batch_of(pages.candidates, rows);
  const std::size_t n_steps = most_shown(pages, rows);
  const PointerWalk steps = walk(network, tape, batch, n_steps, follow(pages, rows));
  std::vector<std::vector<double>> slopes(n_steps, std::vector<double>(rows.size(), 0.0));
  double total = 0;
  for (std::size_t p = 0; p < rows.size(); ++p) {
    const std::size_t first = pages.slot_offsets[rows[p]], n = pages.n_shown(rows[p]);
    double log_pi = 0;
    for (std::size_t t = 0; t < n; ++t) {
      log_pi += std::log(steps.probability[t][steps.chosen[t][p]]);
      const double weight = std::exp(log_pi) / pages.pscore_cascade[first + t];
      const double gain = logged.value[first + t] - baseline[t];
      total -= std::min(weight, weight_cap) * gain;
      if (weight < weight_cap) slopes[t][p] = -weight * gain / static_cast<double>(rows.size());
    }
    for (std::size_t t = n; t-- > 1;) slopes[t - 1][p] += slopes[t][p];
  }
  add_slopes(steps, slopes, batch.n, tape);
  return total;
}

double evaluator_loss(const PointerNetwork& network, Tape& tape, const CandidatePages& pages,
                      const PageEvaluator& evaluator, double purchase_weight, std::size_t samples,
                      const Rng& rng, int epoch, std::span<const std::uint32_t> rows) {
  std::vector<std::uint32_t> repeated;
  std::vector<Stream> streams;
  std::size_t n_steps = 0;
  for (const std::uint32_t row : rows) {
    n_steps = std::max<std::size_t>(n_steps, pages.n_slots[row]);
    for (std::size_t s = 0; s < samples; ++s) {
      repeated.push_back(row);
      streams.push_back(rng.stream(
          Draw::kTraining, Turn{UserId{row}, static_cast<std::uint16_t>(epoch), kPointerRound},
          static_cast<std::uint32_t>(s)));
    }
  }
  const CandidateBatch batch = batch_of(pages, repeated);
  std::vector<std::vector<std::uint16_t>> drawn(repeated.size());
  const PointerWalk steps =
      walk(network, tape, batch, n_steps,
           [&](std::size_t t, std::size_t page, std::span<const double> probability) {
             if (t >= pages.n_slots[repeated[page]]) return Tape::kNone;
             const std::size_t choice = draw(probability, streams[page]);
             drawn[page].push_back(static_cast<std::uint16_t>(choice));
             return choice;
           });
  const std::vector<PageEffects> effects = evaluator.effects(pages, rows);
  std::vector<double> value(repeated.size());
  double total = 0;
  for (std::size_t r = 0; r < repeated.size(); ++r) {
    value[r] = effects[r / samples].value(drawn[r], purchase_weight);
    total += value[r] / static_cast<double>(samples);
  }
  std::vector<double> slope(repeated.size());
  for (std::size_t r = 0; r < repeated.size(); ++r) {
    const std::size_t first = r / samples * samples;
    double others = -value[r];
    for (std::size_t s = first; s < first + samples; ++s) others += value[s];
    slope[r] = -(value[r] - others / static_cast<double>(samples - 1)) /
               static_cast<double>(repeated.size());
  }
  add_slopes(steps, std::vector<std::vector<double>>(n_steps, slope), batch.n, tape);
  return -total;
}

}  // namespace rehearsal
