#include "scenarios/outcomes.h"

#include "analysis/results.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;

namespace {

Called run(const std::string& out, const std::string& outcome) {
  return call_program({"run", kTiny, "--out", out, "--threads", "1", "--set",
                       "estimate.estimators=[iips, dm, dr]", "--set",
                       "estimate.outcome=" + outcome});
}

}  // namespace

TEST_CASE("a scenario names the reward model, its folds and its calibration", "[outcome]") {
  const TemporaryFolder folder;
  std::vector<std::string> results;
  for (const std::string outcome :
       {"{}", "{type: logistic, folds: 2, calibrate: none}", "{type: ridge}", "{folds: 4}",
        "{type: logistic, folds: 3, calibrate: platt}",
        "{type: ridge, folds: 3, calibrate: isotonic}"}) {
    INFO(outcome);
    const std::string out = folder.path(std::to_string(results.size()));
    const Called called = run(out, outcome);
    INFO(called.err);
    REQUIRE(called.status == 0);
    results.push_back(bytes_of(out + "/results.json"));
    const Results read = from_json(results.back(), "results.json");
    for (const Estimate& e : read.policies[0].estimates) {
      REQUIRE(e.q_hat.has_value() == (e.estimator != "iips"));
      if (!e.q_hat) continue;
      // Whatever the model: groups' gaps are no less than the gap of all.
      CHECK(e.q_hat->mean_reward > 0);
      CHECK(e.q_hat->ece >= std::abs(e.q_hat->mean_prediction - e.q_hat->mean_reward) - 1e-12);
      // About 90 clicks calibrate and as many are predicted: 4 standard errors of their ratio.
      if (outcome.find("platt") != std::string::npos && e.metric == "ctr")
        CHECK(e.q_hat->mean_prediction ==
              Approx(e.q_hat->mean_reward).epsilon(4 * std::sqrt(2.0 / 90)));
    }
  }
  CHECK(results[1] == results[0]);
  for (std::size_t j = 2; j < results.size(); ++j)
    for (std::size_t k = 0; k < j; ++k) CHECK(results[j] != results[k]);
}

TEST_CASE("a reward model that cannot be is refused before a folder is made", "[outcome]") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& outcome, const std::string& words) {
    const Called called = run(folder.path("run"), outcome);
    CHECK(called.status == 2);
    CHECK_THAT(called.err, Catch::Contains(words));
  };
  refused("{type: forest}", "forest");
  refused("{folds: 1}", "folds");
  refused("{calibrate: beta}", "calibrate");
  refused("{calibrate: platt}", "at least 3 folds");
  refused("{fold: 3}", "folds");
}

TEST_CASE("a build without libtorch says so where a network is named", "[outcome]") {
  const TemporaryFolder folder;
  const Called called = run(folder.path("run"), "{type: neural}");
  INFO(called.err);
  if (called.status == 0) return;  // this build has it
  CHECK(called.status == 3);
  CHECK_THAT(called.err, Catch::Contains("REHEARSAL_TORCH"));
}
