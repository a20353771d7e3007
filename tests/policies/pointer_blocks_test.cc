// What pointer networks are built from: derivatives against finite differences, pages against
// enumeration.
#include <cmath>

#include "policies/orderers/pointer_training.h"
#include "tests/catch.h"
#include "tests/policies/orderer_checks.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

struct SmallPointer {
  explicit SmallPointer(bool recurrent = true)
      : network(parameters,
                candidate_encoder(parameters, CandidateReader(orderer_site()), narrow(), 1),
                network_size(CandidateReader(orderer_site()), narrow()), recurrent),
        position(parameters.bias("position", 3, 0.1f)) {
    draw(parameters);
  }
  Parameters parameters;
  PointerNetwork network;
  std::size_t position;
};

}  // namespace

TEST_CASE(
    "supervised and importance-weighted losses of a pointer have the gradients of finite "
    "differences",
    "[orderers]") {
  const OrderedPages pages = logged_pages(40);
  SmallPointer pointer;
  ValuedPages logged{pages, {}, pointer.position};
  for (std::size_t slot = 0; slot < pages.choice.size(); ++slot)
    logged.value.push_back(label_of(pages, slot, 2));
  const std::vector<std::uint32_t> rows = first_rows(12);
  const auto n = static_cast<double>(rows.size());
  check_differences(pointer.parameters, [&](Tape& tape) {
    return supervised_loss(pointer.network, tape, logged, rows) / n;
  });
  logged.position = kAbsent;
  const std::vector<double> baseline{0.3, 0.2, 0.1};
  check_differences(pointer.parameters, [&](Tape& tape) {
    return logged_reward_loss(pointer.network, tape, logged, baseline, 1e9, rows) / n;
  });
}

TEST_CASE("a pointer's steps sum to one and never point at what is placed or absent",
          "[orderers]") {
  const OrderedPages pages = logged_pages(20);
  const SmallPointer pointer;
  const std::vector<std::uint32_t> rows = first_rows(20);
  const CandidateBatch batch = batch_of(pages.candidates, rows);
  Tape tape(pointer.parameters, false);
  const PointerWalk steps =
      walk(pointer.network, tape, batch, 3, [](std::size_t t, std::size_t, auto) { return t; });
  for (std::size_t t = 0; t < 3; ++t)
    for (std::size_t page = 0; page < rows.size(); ++page) {
      double sum = 0;
      for (std::size_t c = 0; c < batch.n; ++c) {
        const double p = steps.probability[t][page * batch.n + c];
        sum += p;
        CHECK((p == 0) == (c < t || batch.present[page * batch.n + c] == 0));
      }
      CHECK(sum == Approx(1).margin(1e-12));
    }
}

TEST_CASE("a pointer's beam of every beginning finds the likeliest page", "[orderers]") {
  const RequestBatch requests = effects::requests(12, Rng(4));
  CandidatePages pages;
  CandidateReader(orderer_site()).add(requests, pages);
  for (const bool recurrent : {true, false}) {
    const SmallPointer pointer(recurrent);
    const auto next = pointer.network.next_choice(pointer.parameters, pages);
    const std::vector<std::uint16_t> n_positions(12, 3);
    const auto drawn = make_sequential(requests.module_offsets, n_positions, next);
    const auto best = make_beam(requests.module_offsets, n_positions, *next, 1000);
    for (std::size_t i = 0; i < 12; ++i) {
      double most = 0, total = 0;
      std::vector<std::uint16_t> likeliest;
      for (const auto& slate : testing::all_slates(requests.n_eligible(i), 3)) {
        const double p = testing::probability(*drawn, i, slate);
        total += p;
        if (p > most) likeliest = slate;
        most = std::max(most, p);
      }
      CHECK(total == Approx(1).margin(1e-9));
      CHECK(testing::probability(*best, i, likeliest) == 1);
    }
  }
}

TEST_CASE("pages of a pointer's own, valued by an evaluator, give the gradient of their value",
          "[orderers]") {
  const OrderedPages pages = logged_pages(3);
  SmallPointer pointer;
  PageEvaluator evaluator({}, CandidateReader(orderer_site()));
  draw(evaluator.parameters());
  const std::vector<float> more = numbers(evaluator.parameters().values().size());
  for (std::size_t k = 0; k < more.size(); ++k) evaluator.parameters().values()[k] += more[k];
  const std::vector<std::uint32_t> rows{1};
  const PageEffects effects = evaluator.effects(pages.candidates, rows)[0];
  // Minus the expected value, over every page.
  const auto exact = [&](Tape& tape) {
    const CandidateBatch batch = batch_of(pages.candidates, rows);
    double value = 0;
    for (const auto& slate : testing::all_slates(effects.n, 3)) {
      const PointerWalk steps =
          walk(pointer.network, tape, batch, 3,
               [&](std::size_t t, std::size_t, auto) { return std::size_t{slate[t]}; });
      double p = 1;
      for (std::size_t t = 0; t < 3; ++t) p *= steps.probability[t][slate[t]];
      value -= p * effects.value(slate, 5);
      add_slopes(steps, std::vector<std::vector<double>>(3, {-p * effects.value(slate, 5)}),
                 batch.n, tape);
    }
    return value;
  };
  check_differences(pointer.parameters, exact, 3e-3);
  std::vector<float> truth, one;
  {
    Tape tape(pointer.parameters, true);
    exact(tape);
    tape.backward(truth);
  }
  // Each draw's gradient along the true one, as a share of it: 1 on the average.
  double length = 0;
  for (const float slope : truth) length += static_cast<double>(slope) * slope;
  constexpr int kCalls = 1000;
  std::vector<double> mean(truth.size(), 0.0), square(truth.size(), 0.0);
  double share = 0, share_square = 0;
  for (int call = 0; call < kCalls; ++call) {
    Tape tape(pointer.parameters, true);
    evaluator_loss(pointer.network, tape, pages.candidates, evaluator, 5, 50, Rng(9), call, rows);
    tape.backward(one);
    double along = 0;
    for (std::size_t k = 0; k < one.size(); ++k) {
      const auto g = static_cast<double>(one[k]);
      along += g * static_cast<double>(truth[k]) / length;
      mean[k] += g / kCalls;
      square[k] += g * g / kCalls;
    }
    share += along / kCalls;
    share_square += along * along / kCalls;
  }
  const double share_se = std::sqrt((share_square - share * share) / kCalls);
  INFO("share " << share << " +- " << share_se);
  CHECK(std::abs(share - 1) < 4 * share_se);
  CHECK(4 * share_se < 0.05);
  for (const ParameterBlock& block : pointer.parameters.blocks()) {
    if (block.name != "point.v") continue;
    for (std::size_t k = block.offset; k < block.offset + block.rows; ++k) {
      const double se = std::sqrt((square[k] - mean[k] * mean[k]) / kCalls);
      CHECK(std::abs(mean[k] - static_cast<double>(truth[k])) < 4 * se);
      CHECK(std::abs(static_cast<double>(truth[k])) > 4 * se);
    }
  }
}
