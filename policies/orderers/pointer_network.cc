#include "policies/orderers/pointer_network.h"

#include <algorithm>
#include <cmath>

#include "policies/orderers/serving.h"

namespace rehearsal {

namespace {

/// Decodes pages that have been encoded.
class PointerNext final : public NextChoice {
 public:
  struct Page {
    std::size_t n = 0;
    std::vector<float> base;
    std::vector<float> keys;
    std::vector<float> inputs;
    std::vector<float> state;
  };
  PointerNext(const PointerNetwork& network, const Parameters& parameters, std::size_t width,
              std::vector<Page> pages)
      : network_(network), parameters_(parameters), width_(width), pages_(std::move(pages)) {}

  void logits(std::size_t i, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    const Page& page = pages_[i];
    Tape tape(parameters_, false);
    PointerNetwork::Encoded encoded{prefixes.n, page.n};
    encoded.base = repeated(tape, page.base, page.n, 1, prefixes.n);
    encoded.keys = repeated(tape, page.keys, page.n, width_, prefixes.n);
    encoded.inputs = repeated(tape, page.inputs, page.n, 3 * width_, prefixes.n);
    Tape::Node state = repeated(tape, page.state, 1, width_, prefixes.n);
    for (std::size_t t = 0; t < prefixes.length; ++t) {
      std::vector<std::size_t> rows(prefixes.n);
      for (std::size_t r = 0; r < prefixes.n; ++r) rows[r] = r * page.n + prefixes.row(r)[t];
      state = network_.advance(tape, encoded, state, std::move(rows));
    }
    const std::span<const float> u = tape.value(network_.logits(tape, encoded, state));
    for (std::size_t k = 0; k < u.size(); ++k)
      out(static_cast<Eigen::Index>(k / page.n), static_cast<Eigen::Index>(k % page.n)) = u[k];
  }

 private:
  static Tape::Node repeated(Tape& tape, const std::vector<float>& values, std::size_t rows,
                             std::size_t columns, std::size_t times) {
    std::vector<float> all;
    all.reserve(times * values.size());
    for (std::size_t r = 0; r < times; ++r) all.insert(all.end(), values.begin(), values.end());
    return tape.input(times * rows, columns, all);
  }

  const PointerNetwork& network_;
  const Parameters& parameters_;
  std::size_t width_;
  std::vector<Page> pages_;
};

std::vector<float> rows_of(std::span<const float> all, std::size_t first, std::size_t n,
                           std::size_t width) {
  const auto from = all.begin() + static_cast<std::ptrdiff_t>(first * width);
  return {from, from + static_cast<std::ptrdiff_t>(n * width)};
}

/// Softmax over the candidates that are not masked.
void probabilities(std::span<const float> u, std::span<const std::uint8_t> may,
                   std::span<double> p) {
  double most = -INFINITY, sum = 0;
  for (std::size_t c = 0; c < u.size(); ++c)
    if (may[c] != 0) most = std::max(most, static_cast<double>(u[c]));
  for (std::size_t c = 0; c < u.size(); ++c)
    sum += p[c] = may[c] != 0 ? std::exp(static_cast<double>(u[c]) - most) : 0;
  for (double& each : p) each = sum > 0 ? each / sum : 0;
}

}  // namespace

PointerNetwork::PointerNetwork(Parameters& parameters, CandidateEncoder encoder,
                               const NetworkSize& size, bool recurrent)
    : recurrent_(recurrent),
      encoder_(std::move(encoder)),
      width_(size.width),
      reader_(parameters, "reader", width_, width_),
      decoder_(parameters, "decoder", width_, width_),
      w1_(parameters.weight("point.w1", width_, width_)),
      w2_(parameters, "point.w2", width_, width_),
      v_(parameters.zeros("point.v", width_, 1)) {}

PointerNetwork::Encoded PointerNetwork::encode(Tape& tape, const CandidateBatch& batch) const {
  const auto [own, base] = encoder_.on(tape, batch);
  const Reading reading = read_worst_first(tape, reader_, own, batch);
  const Tape::Node e = tape.add(own, reading.outputs);
  Encoded encoded{batch.n_pages, batch.n};
  encoded.base = base;
  encoded.keys = tape.multiply(e, tape.parameter(w1_));
  encoded.inputs = decoder_.inputs(tape, e);
  encoded.state = reading.last;
  return encoded;
}

Tape::Node PointerNetwork::logits(Tape& tape, const Encoded& encoded, Tape::Node state) const {
  std::vector<std::size_t> page(encoded.n_pages * encoded.n);
  for (std::size_t r = 0; r < page.size(); ++r) page[r] = r / encoded.n;
  const Tape::Node of_state = tape.gather(w2_.on(tape, state), std::move(page));
  const Tape::Node pointed =
      tape.multiply(tape.tanh(tape.add(encoded.keys, of_state)), tape.parameter(v_));
  return tape.add(encoded.base, pointed);
}

Tape::Node PointerNetwork::advance(Tape& tape, const Encoded& encoded, Tape::Node state,
                                   std::vector<std::size_t> rows) const {
  if (!recurrent_) return state;
  std::vector<std::uint8_t> active;
  for (const std::size_t row : rows) active.push_back(row != Tape::kNone);
  return decoder_.step(tape, tape.gather(encoded.inputs, std::move(rows)), state, active);
}

std::shared_ptr<const NextChoice> PointerNetwork::next_choice(const Parameters& parameters,
                                                              const CandidatePages& pages) const {
  std::vector<PointerNext::Page> encoded_pages;
  for_each_block(pages.size(), [&](std::span<const std::uint32_t> rows) {
    const CandidateBatch batch = batch_of(pages, rows);
    if (batch.n == 0) return encoded_pages.resize(encoded_pages.size() + rows.size());
    Tape tape(parameters, false);
    const Encoded encoded = encode(tape, batch);
    for (std::size_t p = 0; p < rows.size(); ++p) {
      const std::size_t n = pages.n(rows[p]), first = p * batch.n;
      encoded_pages.push_back({n, rows_of(tape.value(encoded.base), first, n, 1),
                               rows_of(tape.value(encoded.keys), first, n, width_),
                               rows_of(tape.value(encoded.inputs), first, n, 3 * width_),
                               rows_of(tape.value(encoded.state), p, 1, width_)});
    }
  });
  return std::make_shared<PointerNext>(*this, parameters, width_, std::move(encoded_pages));
}

PointerWalk walk(const PointerNetwork& network, Tape& tape, const CandidateBatch& batch,
                 std::size_t n_steps, const Choose& choose) {
  PointerWalk out;
  const PointerNetwork::Encoded encoded = network.encode(tape, batch);
  Tape::Node state = encoded.state;
  std::vector<std::uint8_t> may = batch.present;
  for (std::size_t t = 0; t < n_steps; ++t) {
    const Tape::Node u = network.logits(tape, encoded, state);
    std::vector<double> p(batch.n_rows());
    std::vector<std::size_t> chosen(batch.n_pages, Tape::kNone);
    for (std::size_t page = 0; page < batch.n_pages; ++page) {
      const std::size_t first = page * batch.n;
      probabilities(tape.value(u).subspan(first, batch.n), {may.data() + first, batch.n},
                    {p.data() + first, batch.n});
      const std::size_t choice = choose(t, page, {p.data() + first, batch.n});
      if (choice == Tape::kNone) continue;
      chosen[page] = first + choice;
      may[first + choice] = 0;
    }
    if (t + 1 < n_steps) state = network.advance(tape, encoded, state, chosen);
    out.logits.push_back(u);
    out.probability.push_back(std::move(p));
    out.chosen.push_back(std::move(chosen));
  }
  return out;
}

void add_slopes(const PointerWalk& walk, const std::vector<std::vector<double>>& slopes,
                std::size_t n, Tape& tape) {
  for (std::size_t t = 0; t < walk.logits.size(); ++t) {
    const std::span<float> gradient = tape.gradient(walk.logits[t]);
    for (std::size_t page = 0; page < walk.chosen[t].size(); ++page) {
      const std::size_t chosen = walk.chosen[t][page];
      const double slope = slopes[t][page];
      if (chosen == Tape::kNone || slope == 0) continue;
      for (std::size_t r = page * n; r < (page + 1) * n; ++r)
        gradient[r] -= static_cast<float>(slope * walk.probability[t][r]);
      gradient[chosen] += static_cast<float>(slope);
    }
  }
}

}  // namespace rehearsal
