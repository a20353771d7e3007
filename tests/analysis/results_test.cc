#include "analysis/results.h"

#include <limits>

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

Results some_results() {
  Results results;
  results.scenario = "item_page";
  results.seed = 18446744073709551615u;
  results.version = "0.1.0";
  results.log_rounds = 400000;
  results.log_impressions = 16000000;
  results.behavior_policy = "logging";
  results.baseline = "curated";
  PolicyResult policy;
  policy.name = "dnn";
  policy.type = "pointwise_orderer";
  policy.offline = {{"auc_click", 0.1 + 0.2}};
  Estimate estimate;
  estimate.estimator = "iips";
  estimate.metric = "ctr";
  estimate.value = 0.1234567890123456789;
  estimate.standard_error = 1e-300;
  estimate.low = -0.5;
  estimate.high = std::numeric_limits<double>::quiet_NaN();
  estimate.lift = Interval{0.0248, 0.01, 0.04};
  estimate.lift_standard_error = 0.007;
  estimate.ess = 812.5;
  estimate.max_weight = 20;
  estimate.mean_weight = {0.98, 0.95, 1.01};
  estimate.zero_weight_share = 0.25;
  estimate.pareto_k = 0.625;
  estimate.cdf = DistributionFunction{{0, 0.1}, {0.25, 1}, {0.125, 1}, {0.5, 1}};
  estimate.warnings = {"do not trust: 3 of 40,000 pages carry half the weight"};
  policy.estimates = {estimate, estimate};
  policy.estimates[1].lift.reset();
  policy.estimates[1].lift_standard_error = 0;
  policy.estimates[1].pareto_k.reset();
  policy.estimates[1].cdf.reset();
  policy.live["ctr"] = {0.12, 0.001, true};
  LiveLift lift;
  lift.lift = {0.02, 0.01, 0.03};
  lift.exact_paired_standard_error = 0.0005;
  lift.sampled_paired_standard_error = 0.01;
  lift.sampled_unpaired_standard_error = 0.02;
  lift.ab = {0.03, -0.01, 0.07};
  policy.lift["ctr"] = lift;
  policy.offline_verdict = Verdict::kReject;
  policy.live_verdict = Verdict::kPromote;
  policy.judged = true;
  policy.reason = "offline reject: \"quoted\"";
  results.policies = {policy, policy};
  results.policies[1].judged = false;
  results.policies[1].offline_verdict = results.policies[1].live_verdict = Verdict::kHold;
  return results;
}

std::string message_of(const std::string& text) {
  try {
    from_json(text, "results.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("results survive a trip through JSON to the last bit") {
  const std::string text = to_json(some_results());
  const Results back = from_json(text, "results.json");
  CHECK(to_json(back) == text);
  CHECK(back.seed == 18446744073709551615u);
  const Estimate& estimate = back.policies[0].estimates[0];
  CHECK(estimate.value == 0.1234567890123456789);
  CHECK(estimate.standard_error == 1e-300);
  CHECK(std::isnan(estimate.high));
  CHECK(estimate.lift->low == 0.01);
  CHECK_FALSE(back.policies[0].estimates[1].lift.has_value());
  CHECK(back.policies[0].estimates[0].mean_weight.low == 0.95);
  CHECK(back.policies[0].estimates[0].zero_weight_share == 0.25);
  CHECK(back.policies[0].estimates[0].pareto_k == 0.625);
  CHECK_FALSE(back.policies[0].estimates[1].pareto_k.has_value());
  REQUIRE(estimate.cdf.has_value());
  CHECK(estimate.cdf->at == std::vector<double>{0, 0.1});
  CHECK(estimate.cdf->value == std::vector<double>{0.25, 1});
  CHECK(estimate.cdf->low == std::vector<double>{0.125, 1});
  CHECK(estimate.cdf->high == std::vector<double>{0.5, 1});
  CHECK_FALSE(back.policies[0].estimates[1].cdf.has_value());
  CHECK(back.policies[0].offline.at("auc_click") == 0.1 + 0.2);
  CHECK(back.policies[0].lift.at("ctr").ab.high == 0.07);
  CHECK(back.policies[0].offline_verdict == Verdict::kReject);
  CHECK(back.policies[0].live_verdict == Verdict::kPromote);
  CHECK_FALSE(back.policies[1].judged);
}

TEST_CASE("results.json begins as the contract says") {
  const std::string text = to_json(some_results());
  CHECK(text.find("\"schema\": \"rehearsal.results/1\"") != std::string::npos);
  for (const char* key : {"\"scenario\"", "\"log\"", "\"behavior_policy\"", "\"stderr\"",
                          "\"verdict\"", "\"exact\"", "\"confidence\"", "\"max_weight\""})
    CHECK(text.find(key) != std::string::npos);
}

TEST_CASE("reading results names the file and the key that is wrong") {
  const std::string text = to_json(some_results());
  CHECK(message_of("{").find("results.json: is not JSON") == 0);
  CHECK(
      message_of(replaced(text, "results/1", "results/9")).find("schema: 'rehearsal.results/9'") !=
      std::string::npos);
  CHECK(message_of(replaced(text, "\"rounds\"", "\"runds\"")) ==
        "results.json: log.rounds: is missing");
  CHECK(message_of(replaced(text, "\"ess\": 812.5", "\"ess\": \"x\"")) ==
        "results.json: policies[0].estimates[0].ess: is not a number");
  CHECK(message_of(replaced(text, "\"offline\": \"reject\"", "\"offline\": \"maybe\""))
            .find("policies[0].verdict.offline: 'maybe' is not one of promote, hold, reject") !=
        std::string::npos);
}
