// What networks over a page are built from: derivatives against finite differences, attention
// against a naive loop.
#include <cmath>
#include <functional>

#include "policies/orderers/list_loss.h"
#include "policies/orderers/page_evaluator.h"
#include "tests/catch.h"
#include "tests/policies/orderer_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Sets every output's gradient to fixed slopes. Returns: their product with the outputs.
double weigh(Tape& tape, Tape::Node out) {
  const std::vector<float> slopes = numbers(tape.value(out).size(), 0.4);
  double total = 0;
  for (std::size_t k = 0; k < slopes.size(); ++k) {
    tape.gradient(out)[k] = slopes[k];
    total += static_cast<double>(slopes[k]) * static_cast<double>(tape.value(out)[k]);
  }
  return total;
}

}  // namespace

TEST_CASE("operations of the tape have the gradients of finite differences", "[orderers]") {
  Parameters parameters;
  const std::size_t a = parameters.weight("a", 6, 4), b = parameters.weight("b", 4, 4);
  const std::size_t row = parameters.bias("row", 4, 0.3f), gain = parameters.bias("gain", 4, 1);
  draw(parameters);
  const std::vector<std::uint8_t> mask{1, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1,
                                       0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0};
  const std::map<std::string, std::function<Tape::Node(Tape&, Tape::Node, Tape::Node)>> forms{
      {"multiply", [](Tape& t, auto x, auto y) { return t.multiply(x, y); }},
      {"add", [](Tape& t, auto x, auto y) { return t.add(t.multiply(x, y), x); }},
      {"add a row", [&](Tape& t, auto x, auto) { return t.add(x, t.parameter(row)); }},
      {"times", [](Tape& t, auto x, auto y) { return t.times(t.multiply(x, y), x); }},
      {"scale", [](Tape& t, auto x, auto) { return t.scale(x, -1.5f); }},
      {"relu", [](Tape& t, auto x, auto y) { return t.relu(t.multiply(x, y)); }},
      {"tanh", [](Tape& t, auto x, auto) { return t.tanh(x); }},
      {"sigmoid", [](Tape& t, auto x, auto) { return t.sigmoid(x); }},
      {"softmax", [](Tape& t, auto x, auto) { return t.softmax(x, {}); }},
      {"masked softmax", [&](Tape& t, auto x, auto) { return t.softmax(x, mask); }},
      {"layer norm",
       [&](Tape& t, auto x, auto) { return t.layer_norm(x, t.parameter(gain), t.parameter(row)); }},
      {"gather",
       [](Tape& t, auto x, auto) {
         return t.gather(x, {4, 1, kAbsent, 1});
       }},
      {"combine",
       [](Tape& t, auto x, auto) {
         return t.combine(x, {{0, 2, 2, 5}, {4, 1, 0, 3, 4}, {0.5f, -1, 2, 1, 0.3f}});
       }},
      {"stack",
       [](Tape& t, auto x, auto y) {
         return t.stack({x, y, x});
       }},
      {"beside",
       [](Tape& t, auto x, auto y) {
         return t.beside({x, t.multiply(x, y)});
       }},
      {"slice", [](Tape& t, auto x, auto) { return t.slice(x, 1, 2); }},
      {"reshape", [](Tape& t, auto x, auto) { return t.reshape(x, 3, 8); }},
      {"sum runs",
       [](Tape& t, auto x, auto) {
         return t.sum_runs(x, {0, 2, 2, 1, 0, 0}, 3);
       }},
      {"block products", [](Tape& t, auto x, auto y) { return t.block_products(x, y, 2); }},
      {"block mix", [](Tape& t, auto x, auto y) { return t.block_mix(t.slice(x, 0, 2), y, 2); }}};
  for (const auto& [name, form] : forms) {
    INFO(name);
    const auto& build = form;
    check_differences(parameters, [&](Tape& tape) {
      return weigh(tape, build(tape, tape.parameter(a), tape.parameter(b)));
    });
  }
}

TEST_CASE("a recurrent unit and attention have the gradients of finite differences", "[orderers]") {
  Parameters parameters;
  const std::size_t x = parameters.weight("x", 6, 4);
  const Gru gru(parameters, "gru", 4, 4);
  const Attention attention(parameters, "attention", 4, 2);
  const LayerNorm norm(parameters, "norm", 4);
  draw(parameters);
  check_differences(parameters, [&](Tape& tape) {
    const Tape::Node rows = tape.parameter(x);
    const Tape::Node inputs = gru.inputs(tape, rows);
    Tape::Node h = tape.zeros(2, 4);
    h = gru.step(tape, tape.gather(inputs, {0, 3}), h, {});
    h = gru.step(tape, tape.gather(inputs, {1, 4}), h, {1, 0});
    const Tape::Node seen = attention.on(tape, norm.on(tape, rows), rows, 2, {1, 1, 0, 1, 1, 1});
    return weigh(tape, tape.stack({h, seen}));
  });
}

TEST_CASE("attention is what a naive loop over heads, queries and keys says", "[orderers]") {
  constexpr std::size_t kPages = 2, kQueries = 3, kKeys = 4, kWidth = 6, kHeads = 2, kD = 3;
  Parameters parameters;
  const Attention attention(parameters, "attention", kWidth, kHeads);
  draw(parameters);
  const std::vector<float> queries = numbers(kPages * kQueries * kWidth);
  std::vector<float> keys = numbers(kPages * kKeys * kWidth, 1);
  const std::vector<std::uint8_t> present{1, 1, 0, 1, 1, 0, 0, 1};
  const auto on_tape = [&] {
    Tape tape(parameters, false);
    const Tape::Node out = attention.on(tape, tape.input(kPages * kQueries, kWidth, queries),
                                        tape.input(kPages * kKeys, kWidth, keys), kPages, present);
    return std::vector<float>(tape.value(out).begin(), tape.value(out).end());
  };
  const std::vector<float> found = on_tape();
  const Arrays state = parameters.to_arrays();
  const auto map = [&](const std::string& name, const float* x, std::size_t column) {
    double sum = state.at("attention." + name + ".bias").values[column];
    for (std::size_t k = 0; k < kWidth; ++k)
      sum += static_cast<double>(x[k]) *
             state.at("attention." + name + ".weight").values[k * kWidth + column];
    return sum;
  };
  for (std::size_t row = 0; row < kPages * kQueries; ++row) {
    const std::size_t page = row / kQueries;
    std::vector<double> heads(kWidth, 0.0);
    for (std::size_t head = 0; head < kHeads; ++head) {
      std::vector<double> share(kKeys, 0.0);
      double sum = 0;
      for (std::size_t key = 0; key < kKeys; ++key) {
        if (present[page * kKeys + key] == 0) continue;
        double product = 0;
        for (std::size_t d = head * kD; d < (head + 1) * kD; ++d)
          product += map("query", queries.data() + row * kWidth, d) *
                     map("key", keys.data() + (page * kKeys + key) * kWidth, d);
        sum += share[key] = std::exp(product / std::sqrt(static_cast<double>(kD)));
      }
      for (std::size_t key = 0; key < kKeys; ++key)
        for (std::size_t d = head * kD; d < (head + 1) * kD; ++d)
          heads[d] +=
              share[key] / sum * map("value", keys.data() + (page * kKeys + key) * kWidth, d);
    }
    const std::vector<float> mixed(heads.begin(), heads.end());
    for (std::size_t d = 0; d < kWidth; ++d)
      CHECK(static_cast<double>(found[row * kWidth + d]) ==
            Approx(map("out", mixed.data(), d)).margin(1e-5));
  }
  // What a masked key holds changes no bit.
  for (const std::size_t key : {2, 5, 6})
    for (std::size_t d = 0; d < kWidth; ++d) keys[key * kWidth + d] += 100;
  CHECK(on_tape() == found);
}

TEST_CASE("losses of lists have the gradients of finite differences", "[orderers]") {
  const std::vector<double> z{0.3, -1, 0.8, 0.1};
  for (const std::vector<double>& y :
       {std::vector<double>{1, 0, 21, 0}, {0, 0, 1, 0}, {2, 1, 0, 3}, {0, 0, 0, 0}})
    for (const auto loss : {listwise_loss, attention_rank_loss}) {
      std::vector<double> gradient(4), other(4);
      loss(z, y, gradient);
      for (std::size_t k = 0; k < 4; ++k) {
        std::vector<double> up = z, down = z;
        up[k] += 1e-5;
        down[k] -= 1e-5;
        CHECK(gradient[k] ==
              Approx((loss(up, y, other) - loss(down, y, other)) / 2e-5).margin(1e-6));
      }
    }
  // One click alone: both are the softmax's cross entropy.
  std::vector<double> a(4), b(4);
  const std::vector<double> one{0, 0, 1, 0};
  CHECK(listwise_loss(z, one, a) == Approx(attention_rank_loss(z, one, b)));
}

TEST_CASE("an evaluator's loss has the gradient of finite differences", "[orderers]") {
  const OrderedPages pages = logged_pages(30);
  for (const std::string sees : {"alone", "above", "around"}) {
    INFO(sees);
    EvaluatorConfig config;
    config.training.width = 3;
    config.training.hidden = {4};
    config.pair_width = 3;
    config.sees = sees;
    PageEvaluator evaluator(config, CandidateReader(orderer_site()));
    draw(evaluator.parameters());
    const std::vector<std::uint32_t> rows = first_rows(12);
    check_differences(evaluator.parameters(), [&](Tape& tape) {
      return evaluator.loss(tape, pages, rows) / static_cast<double>(rows.size());
    });
  }
}

TEST_CASE("an evaluator values a page as its own outputs on the log say", "[orderers]") {
  const OrderedPages pages = logged_pages(10);
  EvaluatorConfig config;
  config.sees = "around";
  PageEvaluator evaluator(config, CandidateReader(orderer_site()));
  draw(evaluator.parameters());
  const std::vector<std::uint32_t> rows = first_rows(10);
  const std::vector<PageEffects> effects = evaluator.effects(pages.candidates, rows);
  double loss = 0;
  for (std::size_t i = 0; i < rows.size(); ++i)
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::size_t slot = pages.slot_offsets[i] + k;
      const double click = effects[i].slot_value(pages.shown(i), k, 0);
      const double both = effects[i].slot_value(pages.shown(i), k, 1) - click;
      loss -= pages.click[slot] != 0 ? std::log(click) : std::log(1 - click);
      loss -= pages.purchase[slot] != 0 ? std::log(both) : std::log(1 - both);
    }
  Tape tape(evaluator.parameters(), true);
  CHECK(evaluator.loss(tape, pages, rows) == Approx(loss).epsilon(1e-5));
}
