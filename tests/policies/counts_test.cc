#include <yaml-cpp/yaml.h>

#include "policies/examination.h"
#include "policies/module_counts.h"
#include "policies/popularity.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"

using namespace rehearsal;

namespace {

Segments segments_of(const Schema& schema, const std::vector<std::string>& names) {
  const YAML::Node node = YAML::Load("{}");
  return Segments(schema, names, {node, {"scene.yaml", "policies[1]"}});
}

/// Two desktop rounds of two slots, by hand.
LogBatch two_rounds() {
  LogBatch batch;
  batch.requests.n_features = 3;
  batch.requests.user = {0, 1};
  batch.requests.session = {0, 0};
  batch.requests.round = {0, 0};
  batch.requests.n_slots = {2, 2};
  batch.requests.context = {0, 0, 0.f, 0, 2, 0.f};
  batch.requests.module = {0, 1, 2, 0, 1};
  batch.requests.module_offsets = {0, 3, 5};
  batch.pages.module = {2, 0, 0, 1};
  batch.pages.slot_offsets = {0, 2, 4};
  batch.propensities.pscore_item_position = {0.5, 0.25, 0.2, 0.8};
  batch.responses.click = {1, 1, 1, 0};
  batch.responses.purchase = {0, 1, 0, 0};
  return batch;
}

}  // namespace

TEST_CASE("examination of a place is its weighted clicks over those of the top, worked by hand",
          "[policies]") {
  const Schema schema = small::schema();
  ExaminationEstimator estimator(schema);
  estimator.add(two_rounds());
  // Weights: slot 0: 2 and 5; slot 1: 4. The mean weight of the three clicks is 11 / 3.
  const std::vector<double> theta = estimator.theta();
  REQUIRE(theta.size() == 6);
  CHECK(theta[0] == 1);
  CHECK(theta[1] == Approx((4 + 11.0 / 3) / (7 + 11.0 / 3)).epsilon(1e-12));
  CHECK(theta[2] == 1);
  for (std::size_t p = 3; p < 6; ++p) CHECK(theta[p] == 1);
}

TEST_CASE("examination needs propensities by place", "[policies]") {
  const Schema schema = small::schema();
  LogBatch batch = two_rounds();
  batch.propensities = {};
  ExaminationEstimator estimator(schema);
  CHECK_THROWS_WITH(estimator.add(batch), Catch::Contains("pscore_item_position"));
}

TEST_CASE("counts are by segment and module, impressions weighed by examination, by hand",
          "[policies]") {
  const Schema schema = small::schema();
  ModuleCounter counter(schema, segments_of(schema, {"device", "buyer"}), false, true);
  counter.add(two_rounds());
  const ModuleCounts counts = counter.counts();
  REQUIRE(counts.events.rows() == 6);
  const double theta = (4 + 11.0 / 3) / (7 + 11.0 / 3);
  CHECK(counts.events(0, 2) == 1);
  CHECK(counts.examined(0, 2) == 1);
  CHECK(counts.events(0, 0) == 1);
  CHECK(counts.examined(0, 0) == Approx(theta).epsilon(1e-12));
  CHECK(counts.events(2, 0) == 1);
  CHECK(counts.examined(2, 1) == Approx(theta).epsilon(1e-12));
  CHECK(counts.events.sum() == 3);
  CHECK(counts.examined.sum() == Approx(2 + 2 * theta).epsilon(1e-12));
  ModuleCounter purchases(schema, segments_of(schema, {}), true, false);
  purchases.add(two_rounds());
  CHECK(purchases.counts().events.sum() == 1);
  CHECK(purchases.counts().events(0, 0) == 1);
  CHECK(purchases.counts().examined(0, 0) == 2);
}

TEST_CASE("rates are drawn to the mean by a module's prior and to the module by a segment's",
          "[policies]") {
  ModuleCounts counts;
  counts.events.resize(2, 2);
  counts.events << 3, 1, 5, 1;
  counts.examined.resize(2, 2);
  counts.examined << 10, 20, 40, 30;
  // The mean rate is 10 / 100; modules: (8 + 2) / (50 + 20) and (2 + 2) / (50 + 20).
  const RowMatrix rates = smoothed_rates(counts, 2, 4);
  CHECK(rates(0, 0) == Approx((3 + 4) / (10 + 4 * 7.0)).epsilon(1e-12));
  CHECK(rates(1, 1) == Approx((1 + 4) / (30 + 4 * 17.5)).epsilon(1e-12));
  counts.events.setZero();
  CHECK(smoothed_rates(counts, 2, 4).cwiseAbs().maxCoeff() == 0);
}

TEST_CASE("segments refuse numbers, unknown names, repetition and too many", "[policies]") {
  Schema schema = small::schema();
  CHECK(segments_of(schema, {"buyer", "device"}).size() == 6);
  const std::vector<float> context{1, 2, 0};
  CHECK(segments_of(schema, {"buyer", "device"}).index(context) == 5);
  CHECK(segments_of(schema, {"device", "buyer"}).index(std::vector<float>{1, 0, 0}) == 3);
  CHECK_THROWS_WITH(segments_of(schema, {"taste"}), Catch::Contains("'taste' is a number"));
  CHECK_THROWS_WITH(segments_of(schema, {"byer"}), Catch::Contains("did you mean 'buyer'"));
  CHECK_THROWS_WITH(segments_of(schema, {"buyer", "buyer"}), Catch::Contains("twice"));
  schema.features[0].levels.resize(50000, "x");
  CHECK_THROWS_WITH(segments_of(schema, {"device", "buyer"}), Catch::Contains("100000"));
}

TEST_CASE("examination and rates are recovered from a log that confounds place and module",
          "[policies]") {
  const Schema schema = small::schema();
  const auto behavior = small::behavior(schema);
  ModuleCounter aware(schema, segments_of(schema, {"buyer"}), false, true);
  ModuleCounter blind(schema, segments_of(schema, {}), false, false);
  // Standard errors of theta by the delta method over rounds, of each device and slot.
  double w_k[2][3] = {}, w_0[2][3] = {}, ww[2][3] = {}, w0w0[2][3] = {}, ww0[2][3] = {};
  for (std::uint32_t shard = 0; shard < 10; ++shard) {
    const LogBatch batch = small::log(20000, shard * 20000, *behavior, Rng(8));
    aware.add(batch);
    blind.add(batch);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const auto device = static_cast<std::size_t>(batch.requests.features(i)[0]);
      const std::size_t first = batch.pages.slot_offsets[i];
      for (std::size_t k = 1; k < batch.pages.n_shown(i); ++k) {
        const auto weigh = [&](std::size_t slot) {
          return batch.responses.click[slot] / batch.propensities.pscore_item_position[slot];
        };
        const double a = weigh(first + k);
        const double b = weigh(first);
        w_k[device][k] += a;
        w_0[device][k] += b;
        ww[device][k] += a * a;
        w0w0[device][k] += b * b;
        ww0[device][k] += a * b;
      }
    }
  }
  const ModuleCounts counts = aware.counts();
  for (std::size_t d = 0; d < 2; ++d)
    for (std::size_t k = 1; k < 3; ++k) {
      const double ratio = w_k[d][k] / w_0[d][k];
      const double error =
          std::sqrt(ww[d][k] - 2 * ratio * ww0[d][k] + ratio * ratio * w0w0[d][k]) / w_0[d][k];
      INFO("device " << d << " slot " << k << " s.e. " << error);
      CHECK(error < 0.02);
      CHECK(std::abs(counts.theta[d * 3 + k] - small::kExamination[d][k]) < 4 * error);
    }
  // The rate of a module, given theta: 4 binomial errors and the errors of theta (< 2 %).
  for (Eigen::Index m = 0; m < 4; ++m)
    for (Eigen::Index s = 0; s < 3; ++s) {
      const double truth = small::kRate[m] * (m == 0 && s == 2 ? small::kCollector : 1);
      const double rate = counts.events(s, m) / counts.examined(s, m);
      CHECK(std::abs(rate - truth) < truth * 0.03 + 4 * std::sqrt(truth / counts.examined(s, m)));
    }
  // Blind to places, beta (bottom of the curated order) and delta look far worse than they are.
  const ModuleCounts seen = blind.counts();
  CHECK(seen.events(0, 1) / seen.examined(0, 1) < 0.8 * small::kRate[1]);
  CHECK(seen.events(0, 3) / seen.examined(0, 3) < 0.7 * small::kRate[3]);
  CHECK(seen.events(0, 2) / seen.examined(0, 2) > 0.9 * small::kRate[2]);
}
