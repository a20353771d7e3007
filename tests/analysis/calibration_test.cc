#include "analysis/calibration.h"

#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Cells of single predictions: {n, prediction, reward}.
std::vector<CalibrationCell> cells_of(const std::vector<CalibrationCell>& given) {
  CalibrationSums sums;
  for (const CalibrationCell& cell : given)
    for (int i = 0; i < static_cast<int>(cell.n); ++i)
      sums.add(cell.prediction, i < cell.n * cell.reward ? 1.0 : 0.0);
  return sums.cells();
}

}  // namespace

TEST_CASE("equal predictions share a bin, and bins rise with the prediction whatever its sign",
          "[calibration]") {
  CalibrationSums sums, others;
  sums.add(0.5, 1);
  sums.add(-2, 3);
  sums.add(0.5, 0);
  others.add(0, 4);
  others.add(-0.001, 5);
  others.add(0.5, 1);
  sums.add(others);
  const auto cells = sums.cells();
  REQUIRE(cells.size() == 4);
  const std::vector<double> prediction{-2, -0.001, 0, 0.5}, reward{3, 5, 4, 2.0 / 3}, n{1, 1, 1, 3};
  for (std::size_t j = 0; j < cells.size(); ++j) {
    CHECK(cells[j].prediction == Approx(prediction[j]).margin(1e-15));
    CHECK(cells[j].reward == Approx(reward[j]));
    CHECK(cells[j].n == n[j]);
  }
}

TEST_CASE("the calibration error of hand-made predictions is the mean gap of its groups",
          "[calibration]") {
  const Calibration two = calibration_of(cells_of({{10, 0.2, 0.4}, {30, 0.8, 0.7}}));
  CHECK(two.mean_prediction == Approx((10 * 0.2 + 30 * 0.8) / 40));
  CHECK(two.mean_reward == Approx((4 + 21) / 40.0));
  CHECK(two.ece == Approx((10 * 0.2 + 30 * 0.1) / 40));
  const Calibration exact = calibration_of(cells_of({{10, 0.2, 0.2}, {10, 0.7, 0.7}}));
  CHECK(exact.ece == Approx(0).margin(1e-12));
  // Of 100 predictions the first ten are one group, where gaps of both signs cancel.
  std::vector<CalibrationCell> many;
  for (int j = 0; j < 100; ++j)
    many.push_back({1, 0.1 + 0.001 * j, 0.1 + 0.001 * j + (j % 2 == 0 ? 0.05 : -0.05)});
  CHECK(calibration_of(many).ece == Approx(0).margin(1e-12));
  for (int j = 0; j < 10; ++j) many[static_cast<std::size_t>(j)].reward += 0.3;
  CHECK(calibration_of(many).ece == Approx(0.03));
}

TEST_CASE("Platt scaling of two scores meets their smoothed success rates", "[calibration]") {
  const auto cells = cells_of({{20, 0.2, 0.1}, {20, 0.6, 0.5}});
  const double high = 13.0 / 14, low = 1.0 / 30;  // 12 successes, 28 failures
  for (const bool probabilities : {false, true}) {
    const Calibrator platt = Calibrator::platt(cells, probabilities);
    CHECK(platt(0.2) == Approx(0.1 * high + 0.9 * low).epsilon(1e-9));
    CHECK(platt(0.6) == Approx(0.5 * high + 0.5 * low).epsilon(1e-9));
    const auto logit = [](double p) { return std::log(p / (1 - p)); };
    const auto score = [&](double p) { return probabilities ? logit(p) : p; };
    const double share = (score(0.4) - score(0.2)) / (score(0.6) - score(0.2));
    const double expected = logit(platt(0.2)) + share * (logit(platt(0.6)) - logit(platt(0.2)));
    CHECK(logit(platt(0.4)) == Approx(expected).epsilon(1e-9));
  }
}

TEST_CASE("Platt scaling undoes a shift and a stretch of logits, and bears extreme cases",
          "[calibration]") {
  CalibrationSums sums;
  Stream stream = Rng(5).stream(Draw::kResponse, {});
  constexpr int kN = 200000;
  for (int i = 0; i < kN; ++i) {
    const double z = 4 * stream.uniform() - 3;
    const double q = 1 / (1 + std::exp(-(2 * z + 1)));
    sums.add(q, stream.uniform() < 1 / (1 + std::exp(-z)) ? 1 : 0);
  }
  const Calibrator platt = Calibrator::platt(sums.cells(), true);
  for (const double z : {-2.5, -1.0, 0.5}) {
    const double p = 1 / (1 + std::exp(-z));
    // No worse than the rate of a tenth of the data.
    CHECK(platt(1 / (1 + std::exp(-(2 * z + 1)))) ==
          Approx(p).margin(4 * std::sqrt(p * (1 - p) / (kN / 10))));
  }
  const Calibrator constant = Calibrator::platt(cells_of({{10, 0.3, 0.5}}), true);
  CHECK(constant(0.3) == Approx(0.5));
  const Calibrator separate = Calibrator::platt(cells_of({{5, 0.0, 0.0}, {5, 1.0, 1.0}}), true);
  CHECK(separate(0.0) == Approx(1.0 / 7));
  CHECK(separate(1.0) == Approx(6.0 / 7));
}

TEST_CASE("isotonic calibration pools what falls, and runs straight between pools",
          "[calibration]") {
  const Calibrator map = Calibrator::isotonic(
      {{1, 0.1, 0.2}, {1, 0.2, 0.6}, {3, 0.3, 0.2}, {1, 0.4, 0.5}, {2, 0.8, 1.0}});
  CHECK(map(0.1) == Approx(0.2));
  CHECK(map(0.2) == Approx(0.3));  // (0.6 + 3 * 0.2) / 4
  CHECK(map(0.25) == Approx(0.3));
  CHECK(map(0.3) == Approx(0.3));
  CHECK(map(0.35) == Approx(0.4));
  CHECK(map(0.4) == Approx(0.5));
  CHECK(map(0.6) == Approx(0.75));
  CHECK(map(-5) == Approx(0.2));
  CHECK(map(5) == Approx(1.0));
  const Calibrator falling = Calibrator::isotonic({{1, 1, 3}, {1, 2, 2}, {1, 3, 1}});
  for (const double at : {0.0, 1.0, 2.5, 9.0}) CHECK(falling(at) == Approx(2));
}
