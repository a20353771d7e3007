#include "policies/orderers/layers.h"

#include <cmath>

#include "sim/core/error.h"

namespace rehearsal {

Dense::Dense(Parameters& parameters, const std::string& name, std::size_t in, std::size_t out)
    : weight_(parameters.weight(name + ".weight", in, out)),
      bias_(parameters.bias(name + ".bias", out)) {}

Tape::Node Dense::on(Tape& tape, Tape::Node x) const {
  return tape.add(tape.multiply(x, tape.parameter(weight_)), tape.parameter(bias_));
}

Gru::Gru(Parameters& parameters, const std::string& name, std::size_t in, std::size_t width)
    : width_(width),
      input_(parameters, name + ".input", in, 3 * width),
      state_(parameters, name + ".state", width, 3 * width) {}

Tape::Node Gru::step(Tape& tape, Tape::Node x, Tape::Node h,
                     const std::vector<std::uint8_t>& active) const {
  const std::size_t n = tape.rows(h);
  const Tape::Node from = state_.on(tape, h);
  const Tape::Node gates =
      tape.sigmoid(tape.add(tape.slice(x, 0, 2 * width_), tape.slice(from, 0, 2 * width_)));
  const Tape::Node reset = tape.slice(gates, 0, width_);
  Tape::Node move = tape.add(tape.scale(tape.slice(gates, width_, width_), -1),
                             tape.input(1, width_, std::vector<float>(width_, 1.0f)));
  if (!active.empty()) {
    std::vector<float> may(n * width_);
    for (std::size_t i = 0; i < may.size(); ++i) may[i] = active[i / width_] != 0 ? 1.0f : 0.0f;
    move = tape.times(move, tape.input(n, width_, may));
  }
  const Tape::Node proposed = tape.tanh(tape.add(
      tape.slice(x, 2 * width_, width_), tape.times(reset, tape.slice(from, 2 * width_, width_))));
  return tape.add(h, tape.times(move, tape.add(proposed, tape.scale(h, -1))));
}

Reading read_worst_first(Tape& tape, const Gru& gru, Tape::Node e, const CandidateBatch& batch) {
  const Tape::Node x = gru.inputs(tape, e);
  const std::vector<std::size_t> order = initial_order(batch);
  Tape::Node h = tape.zeros(batch.n_pages, gru.width());
  std::vector<Tape::Node> outputs;
  std::vector<std::size_t> at(batch.n_rows(), Tape::kNone);  // of a candidate in the outputs
  for (std::size_t t = batch.n; t-- > 0;) {
    std::vector<std::size_t> rows(batch.n_pages);
    std::vector<std::uint8_t> active(batch.n_pages);
    for (std::size_t page = 0; page < batch.n_pages; ++page) {
      rows[page] = order[page * batch.n + t];
      active[page] = rows[page] != Tape::kNone;
      if (active[page] != 0) at[rows[page]] = outputs.size() * batch.n_pages + page;
    }
    h = gru.step(tape, tape.gather(x, std::move(rows)), h, active);
    outputs.push_back(h);
  }
  return {tape.gather(tape.stack(outputs), std::move(at)), h};
}

Attention::Attention(Parameters& parameters, const std::string& name, std::size_t width,
                     std::size_t heads)
    : width_(width),
      heads_(heads),
      query_(parameters, name + ".query", width, width),
      key_(parameters, name + ".key", width, width),
      value_(parameters, name + ".value", width, width),
      out_(parameters, name + ".out", width, width) {
  REHEARSAL_CHECK(heads > 0 && width % heads == 0);
}

Tape::Node Attention::on(Tape& tape, Tape::Node queries, Tape::Node keys, std::size_t n_pages,
                         const std::vector<std::uint8_t>& present) const {
  const std::size_t d = width_ / heads_;
  const std::size_t p = tape.rows(queries) / n_pages, q = tape.rows(keys) / n_pages;
  std::vector<std::uint8_t> mask(n_pages * p * q);
  for (std::size_t page = 0; page < n_pages; ++page)
    for (std::size_t i = 0; i < p; ++i)
      std::copy_n(present.begin() + static_cast<std::ptrdiff_t>(page * q), q,
                  mask.begin() + static_cast<std::ptrdiff_t>((page * p + i) * q));
  const Tape::Node all_queries = query_.on(tape, queries);
  const Tape::Node all_keys = key_.on(tape, keys);
  const Tape::Node all_values = value_.on(tape, keys);
  std::vector<Tape::Node> heads;
  for (std::size_t head = 0; head < heads_; ++head) {
    const Tape::Node products = tape.block_products(tape.slice(all_queries, head * d, d),
                                                    tape.slice(all_keys, head * d, d), n_pages);
    const Tape::Node shares =
        tape.softmax(tape.scale(products, 1 / std::sqrt(static_cast<float>(d))), mask);
    heads.push_back(tape.block_mix(shares, tape.slice(all_values, head * d, d), n_pages));
  }
  return out_.on(tape, heads_ == 1 ? heads[0] : tape.beside(heads));
}

LayerNorm::LayerNorm(Parameters& parameters, const std::string& name, std::size_t width)
    : gain_(parameters.bias(name + ".gain", width, 1)),
      bias_(parameters.bias(name + ".bias", width)) {}

Tape::Node LayerNorm::on(Tape& tape, Tape::Node x) const {
  return tape.layer_norm(x, tape.parameter(gain_), tape.parameter(bias_));
}

CandidateEncoder::CandidateEncoder(Parameters& parameters, std::size_t n_inputs,
                                   std::size_t n_outputs, const std::vector<std::int64_t>& hidden,
                                   std::size_t width, std::size_t n_base)
    : n_outputs_(n_outputs) {
  std::size_t in = n_inputs;
  for (std::size_t l = 0; l < hidden.size(); ++l) {
    const auto out = static_cast<std::size_t>(hidden[l]);
    trunk_.emplace_back(parameters, "trunk." + std::to_string(l), in, out);
    in = out;
  }
  weight_ = parameters.weight("module.weight", in, n_outputs * width);
  bias_ = parameters.bias("module.bias", n_outputs * width);
  base_weight_ = parameters.zeros("base.weight", in, n_outputs * n_base);
  base_bias_ = parameters.bias("base.bias", n_outputs * n_base);
}

Tape::Node CandidateEncoder::of_candidates(Tape& tape, Tape::Node x, const CandidateBatch& batch,
                                           std::size_t weight, std::size_t bias) const {
  const Tape::Node all = tape.add(tape.multiply(x, tape.parameter(weight)), tape.parameter(bias));
  Tape::Terms terms;
  for (std::size_t r = 0; r < batch.n_rows(); ++r) {
    const std::size_t row = batch.row[r], first = r / batch.n * n_outputs_;
    for (std::size_t e = row == kAbsent ? 0 : batch.vectors->offsets[row];
         row != kAbsent && e < batch.vectors->offsets[row + 1]; ++e) {
      terms.row.push_back(first + batch.vectors->output[e]);
      terms.weight.push_back(batch.vectors->value[e]);
    }
    terms.offsets.push_back(terms.row.size());
  }
  const std::size_t width = tape.columns(all) / n_outputs_;
  return tape.combine(tape.reshape(all, batch.n_pages * n_outputs_, width), std::move(terms));
}

CandidateEncoder::Encoded CandidateEncoder::on(Tape& tape, const CandidateBatch& batch) const {
  Tape::Node x = tape.input(batch.n_pages, batch.n_inputs, batch.inputs);
  for (const Dense& layer : trunk_) x = tape.relu(layer.on(tape, x));
  return {of_candidates(tape, x, batch, weight_, bias_),
          of_candidates(tape, x, batch, base_weight_, base_bias_)};
}

}  // namespace rehearsal
