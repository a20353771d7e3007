#include "analysis/estimators.h"

#include <numeric>

#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Columns that own what WeightedRounds borrows.
struct Rounds {
  std::vector<std::uint32_t> offsets{0};
  std::vector<double> reward, page, cascade, item_position, pseudo_inverse, q_hat, direct;

  WeightedRounds view() const {
    return {offsets, reward, page, cascade, item_position, pseudo_inverse, q_hat, direct};
  }
};

/// Three pages of 2, 2 and 1 slots.
Rounds worked_by_hand() {
  Rounds rounds;
  rounds.offsets = {0, 2, 4, 5};
  rounds.reward = {1, 0, 0, 2, 1};
  rounds.page = {0.5, 3, 2};
  rounds.cascade = {0.8, 0.5, 2, 3, 2};
  rounds.item_position = {0.8, 1.5, 2, 0.25, 2};
  rounds.pseudo_inverse = {-0.5, 2, 1.5};
  rounds.q_hat = {0.5, 0.25, 0.5, 1, 0.25};
  rounds.direct = {0.7, 0.9, 0.2};
  return rounds;
}

double value(const std::string& name, const Rounds& rounds) {
  return estimate_value(parse_estimator(name), rounds.view(), 2);
}

}  // namespace

TEST_CASE("each estimator gives the value worked by hand") {
  const Rounds rounds = worked_by_hand();
  CHECK(value("ips", rounds) == Approx((0.5 * 1 + 3 * 2 + 2 * 1) / 3.0).epsilon(1e-14));
  CHECK(value("snips", rounds) == Approx(8.5 / 5.5).epsilon(1e-14));
  CHECK(value("iips", rounds) == Approx((0.8 + 0.5 + 2) / 3.0).epsilon(1e-14));
  // slot 0: (0.8 + 2) / 4.8; slot 1: 0.5 / (1.5 + 0.25 + 1), the absent slot has weight 1
  CHECK(value("sniips", rounds) == Approx(2.8 / 4.8 + 0.5 / 2.75).epsilon(1e-14));
  CHECK(value("rips", rounds) == Approx((0.8 + 6 + 2) / 3.0).epsilon(1e-14));
  CHECK(value("snrips", rounds) == Approx(2.8 / 4.8 + 6 / 4.5).epsilon(1e-14));
  CHECK(value("pi", rounds) == Approx((-0.5 + 4 + 1.5) / 3.0).epsilon(1e-14));
  CHECK(value("snpi", rounds) == Approx(5.0 / 3.0).epsilon(1e-14));
  CHECK(value("dm", rounds) == Approx(1.8 / 3).epsilon(1e-14));
  const double slot0 = 0.8 * 0.5 + 2 * -0.5 + 2 * 0.75;
  const double slot1 = 1.5 * -0.25 + 0.25 * 1;
  CHECK(value("dr", rounds) == Approx((1.8 + slot0 + slot1) / 3).epsilon(1e-14));
  CHECK(value("sndr", rounds) == Approx(1.8 / 3 + slot0 / 4.8 + slot1 / 2.75).epsilon(1e-14));
}

TEST_CASE("with weights of one every estimator gives the mean reward") {
  Rounds rounds = worked_by_hand();
  for (auto* column :
       {&rounds.page, &rounds.cascade, &rounds.item_position, &rounds.pseudo_inverse})
    std::fill(column->begin(), column->end(), 1.0);
  // The direct term of the behaviour itself, were it deterministic: q_hat of what was shown.
  rounds.direct = {0.75, 1.5, 0.25};
  for (const std::string& name : estimators().names())
    if (name != "dm" && !estimators().at(name).parameter)
      CHECK(value(name, rounds) == Approx(4.0 / 3).epsilon(1e-14));
}

TEST_CASE("self-normalized values move by c when every reward does") {
  Rounds rounds = worked_by_hand();
  // Whole pages of one size: then the page's value moves by n_slots * c.
  rounds.offsets = {0, 1, 2, 3, 4, 5};
  rounds.page = rounds.pseudo_inverse = {0.5, 3, 2, 1, 0.2};
  rounds.direct.assign(5, 0.4);
  for (const std::string name : {"snips", "sniips", "snrips", "snpi", "sndr"}) {
    Rounds moved = rounds;
    for (double& reward : moved.reward) reward += 0.3;
    const Estimator entry = parse_estimator(name);
    CHECK(estimate_value(entry, moved.view(), 1) ==
          Approx(estimate_value(entry, rounds.view(), 1) + 0.3).epsilon(1e-13));
  }
}

TEST_CASE("the gradient of a value is its derivative by each column's sum") {
  const Rounds rounds = worked_by_hand();
  for (const std::string& name : estimators().names()) {
    const Estimator entry = parse_estimator(name);
    const TermLayout layout = entry.layout(2);
    std::vector<double> terms(3 * layout.n_columns);
    entry.terms(rounds.view(), 2, terms);
    std::vector<double> sums(layout.n_columns + 1, 0.0);
    for (std::size_t i = 0; i < terms.size(); ++i) sums[i % layout.n_columns] += terms[i];
    sums.back() = 3;
    std::vector<double> gradient(layout.n_columns + 1);
    ratio_gradient(layout, sums, sums.back(), gradient);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const double h = 1e-5;
      std::vector<double> up = sums, down = sums;
      up[c] += h;
      down[c] -= h;
      const double slope =
          (ratio_value(layout, up, up.back()) - ratio_value(layout, down, down.back())) / (2 * h);
      CHECK(gradient[c] == Approx(slope).margin(1e-8));
    }
  }
}

TEST_CASE("columns may start at any offset and no rounds are an error") {
  Rounds rounds = worked_by_hand();
  const double before = value("sndr", rounds);
  for (std::uint32_t& offset : rounds.offsets) offset += 17;
  CHECK(value("sndr", rounds) == before);
  CHECK_THROWS_AS(value("ips", Rounds{}), Error);
  CHECK_THROWS_AS(estimators().at("ipz"), Error);
}

TEST_CASE("families on pages are the plain estimator at their limit and bounded before it") {
  const Rounds rounds = worked_by_hand();
  for (const std::string name : {"ips_clip_inf", "switch_ips_inf", "dros_ips_inf", "sgips_0"})
    CHECK(value(name, rounds) == value("ips", rounds));
  for (const std::string name : {"dr_clip_inf", "switch_dr_inf", "dros_inf", "sgdr_0"})
    CHECK(value(name, rounds) == value("dr", rounds));
  CHECK(value("snips_clip_inf", rounds) == value("snips", rounds));
  CHECK(value("ips_clip_1", rounds) == Approx((0.5 * 1 + 1 * 2 + 1 * 1) / 3).epsilon(1e-14));
  CHECK(value("switch_ips_2", rounds) == Approx((0.5 * 1 + 2 * 1) / 3).epsilon(1e-14));
  // Slot by slot: weights 0.8, 1.5 | 2, 0.25 | 2 and residuals 0.5, -0.25 | -0.5, 1 | 0.75.
  const double kept = 0.8 * 0.5 - 1 * 0.25 - 1 * 0.5 + 0.25 * 1 + 1 * 0.75;
  CHECK(value("dr_clip_1", rounds) == Approx((1.8 + kept) / 3).epsilon(1e-14));
  CHECK(value("switch_dr_1", rounds) == Approx((1.8 + 0.4 + 0.25) / 3).epsilon(1e-14));
}
