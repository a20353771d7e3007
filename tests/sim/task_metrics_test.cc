#include "sim/task_metrics.h"

#include <cmath>
#include <vector>

#include "tests/catch.h"

using namespace rehearsal;

namespace {

const float kNoLabel = std::nanf("");
const float kLog3 = std::log(3.0f);

}  // namespace

TEST_CASE("task metrics: the area counts pairs, ties half, rows without a label not") {
  // Positives at 2 and 1, negatives at 1, 0: 1 + 1 + 0.5 + 1 of 4 pairs.
  const std::vector<float> logits{2, 1, 1, 0, 5};
  const std::vector<float> labels{1, 1, 0, 0, kNoLabel};
  const BinaryScores scores = binary_scores(logits, labels);
  CHECK(scores.n == 4);
  CHECK(scores.auc == Approx(3.5 / 4));
  const std::vector<float> all_one{1, 1, 1, 1, 1};
  CHECK(std::isnan(binary_scores(logits, all_one).auc));
}

TEST_CASE("task metrics: log loss and calibration are those of a worked example") {
  // Predictions 3/4, 3/4, 1/4, 1/4 of labels 1, 0, 0, 0.
  const std::vector<float> logits{kLog3, kLog3, -kLog3, -kLog3};
  const std::vector<float> labels{1, 0, 0, 0};
  const BinaryScores scores = binary_scores(logits, labels);
  CHECK(scores.log_loss == Approx(-(3 * std::log(0.75) + std::log(0.25)) / 4));
  CHECK(scores.calibration == Approx(2.0));
  // Bins of 3/4: predicted 1.5, one happened; of 1/4: predicted 0.5, none.
  CHECK(scores.ece == Approx((0.5 + 0.5) / 4));
}

TEST_CASE("task metrics: logits of any size are scored") {
  const BinaryScores scores =
      binary_scores(std::vector<float>{500, -500}, std::vector<float>{0, 1});
  CHECK(scores.log_loss == Approx(500));
  CHECK(scores.auc == 0);
}

TEST_CASE("task metrics: a regression explains what it says, and the mean explains nothing") {
  const std::vector<float> labels{1, 2, 3, kNoLabel, 6};
  CHECK(regression_scores(std::vector<float>{1, 2, 3, 9, 6}, labels).r2 == Approx(1));
  const RegressionScores mean = regression_scores(std::vector<float>{3, 3, 3, 9, 3}, labels);
  CHECK(mean.n == 4);
  CHECK(mean.r2 == Approx(0).margin(1e-12));
  CHECK(mean.calibration == Approx(1));
  // Squared error 4 of a squared deviation of 14.
  CHECK(regression_scores(std::vector<float>{1, 2, 3, 9, 4}, labels).r2 == Approx(1 - 4.0 / 14));
}
