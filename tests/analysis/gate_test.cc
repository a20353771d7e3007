#include "analysis/gate.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

PolicyResult judged(const std::string& name, double ctr, double ctr_error, double ptr = 0.1,
                    double ptr_error = 0.01) {
  PolicyResult policy;
  policy.name = name;
  policy.judged = true;
  const auto add = [&](const std::string& metric, double lift, double error) {
    Estimate estimate;
    estimate.estimator = "iips";
    estimate.metric = metric;
    estimate.lift = Interval{lift, lift, lift};  // the gate makes its own bounds
    estimate.lift_standard_error = error;
    policy.estimates.push_back(estimate);
    LiveLift live;
    live.lift = {-lift, -lift, -lift};
    live.sampled_paired_standard_error = error;
    policy.lift[metric] = live;
  };
  add("ctr", ctr, ctr_error);
  add("ptr", ptr, ptr_error);
  return policy;
}

Verdict offline(const GateRule& rule, PolicyResult policy) {
  std::vector<PolicyResult> policies{policy};
  apply_gate(rule, policies);
  return policies[0].offline_verdict;
}

}  // namespace

TEST_CASE("one candidate is promoted, held or rejected by its bounds and guardrails") {
  GateRule rule;
  rule.guardrails = {{"ptr", -0.2}};
  struct Row {
    double ctr, error, ptr, ptr_error;
    Verdict verdict;
  };
  // 95 %: bounds at 1.96 standard errors
  const std::vector<Row> rows{
      {.0197, .01, .1, .01, Verdict::kPromote}, {.0195, .01, .1, .01, Verdict::kHold},
      {-.0195, .01, .1, .01, Verdict::kHold},   {-.0197, .01, .1, .01, Verdict::kReject},
      {.05, .01, -.17, .02, Verdict::kHold},    {.05, .01, -.16, .02, Verdict::kPromote},
      {.05, .01, -.24, .02, Verdict::kReject},  {.05, .01, -.23, .02, Verdict::kHold},
      {0, 0, .1, .01, Verdict::kPromote},       {-1e-9, 0, .1, .01, Verdict::kReject}};
  for (const Row& row : rows) {
    INFO(row.ctr << " " << row.ptr);
    CHECK(offline(rule, judged("p", row.ctr, row.error, row.ptr, row.ptr_error)) == row.verdict);
  }
  rule.min_lift = 0.01;
  CHECK(offline(rule, judged("p", .0290, .01)) == Verdict::kHold);
  CHECK(offline(rule, judged("p", .0297, .01)) == Verdict::kPromote);
}

TEST_CASE("corrections widen the bounds: Bonferroni for all, Holm step by step") {
  // z at alpha / 3, / 2, / 1 of 5 %: 2.394, 2.241, 1.960
  const std::vector<PolicyResult> start{judged("a", .021, .01), judged("b", .050, .01),
                                        judged("c", .023, .01)};
  const auto verdicts = [&](const std::string& correction, std::vector<PolicyResult> policies) {
    GateRule rule;
    rule.correction = correction;
    apply_gate(rule, policies);
    std::vector<Verdict> out;
    for (const PolicyResult& policy : policies) out.push_back(policy.offline_verdict);
    return out;
  };
  const Verdict promote = Verdict::kPromote, hold = Verdict::kHold;
  CHECK(verdicts("none", start) == std::vector<Verdict>{promote, promote, promote});
  CHECK(verdicts("bonferroni", start) == std::vector<Verdict>{hold, promote, hold});
  CHECK(verdicts("holm", start) == std::vector<Verdict>{promote, promote, promote});
  std::vector<PolicyResult> weaker = start;
  weaker[2] = judged("c", .0215, .01);  // below 2.241: it stops there, and a after it
  CHECK(verdicts("holm", weaker) == std::vector<Verdict>{hold, promote, hold});
}

TEST_CASE("reasons say the corrected bounds in plain words, and both sides are ruled on") {
  std::vector<PolicyResult> policies{judged("a", .012, .009184), judged("baseline", .3, .01)};
  policies[1].judged = false;
  apply_gate({}, policies);
  CHECK(policies[0].reason ==
        "offline hold: CTR lift +1.2 % [-0.6 %, +3.0 %] spans 0; "
        "live hold: CTR lift -1.2 % [-3.0 %, +0.6 %] spans 0");
  CHECK(policies[1].reason.empty());
  CHECK(policies[1].offline_verdict == Verdict::kHold);
  policies[0] = judged("a", .05, .01);
  apply_gate({}, policies);
  CHECK(policies[0].offline_verdict == Verdict::kPromote);
  CHECK(policies[0].live_verdict == Verdict::kReject);
  CHECK(policies[0].reason.find("live reject: CTR lift -5.0 % [-7.0 %, -3.0 %] is below 0") !=
        std::string::npos);
}

TEST_CASE("an exact live lift decides by its own error, a missing lift is held") {
  std::vector<PolicyResult> policies{judged("a", -.012, .01)};
  policies[0].lift["ctr"].exact_paired_standard_error = .001;
  policies[0].estimates[0].lift.reset();
  apply_gate({}, policies);
  CHECK(policies[0].live_verdict == Verdict::kPromote);
  CHECK(policies[0].offline_verdict == Verdict::kHold);
  CHECK(policies[0].reason.find("CTR lift is not known") != std::string::npos);
}

TEST_CASE("a rule that names what was not computed is refused") {
  std::vector<PolicyResult> policies{judged("a", .01, .01)};
  GateRule rule;
  rule.estimator = "dr";
  CHECK_THROWS_AS(apply_gate(rule, policies), Error);
  rule = {};
  rule.guardrails = {{"revenue", 0}};
  CHECK_THROWS_AS(apply_gate(rule, policies), Error);
  rule = {};
  rule.correction = "hom";
  CHECK_THROWS_AS(apply_gate(rule, policies), Error);
}

TEST_CASE(
    "an estimate that rests on too little decides nothing, and the reason says what is short") {
  GateRule rule;
  rule.least_ess = 100;
  rule.least_successes = 25;
  const auto with = [](double ess, double value, double error) {
    PolicyResult policy = judged("p", -0.3, 0.01);
    policy.estimates[0].ess = ess;
    policy.estimates[0].value = value;
    policy.estimates[0].standard_error = error;
    return policy;
  };
  CHECK(offline(rule, with(100, 0.05, 0.01)) == Verdict::kReject);
  CHECK(offline(rule, with(99, 0.05, 0.01)) == Verdict::kHold);
  CHECK(offline(rule, with(100, 0.0499, 0.01)) == Verdict::kHold);
  CHECK(offline(rule, with(100, 0, 0)) == Verdict::kHold);
  std::vector<PolicyResult> policies{with(40, 0.05, 0.01)};
  apply_gate(rule, policies);
  CHECK_THAT(policies[0].reason,
             Catch::Contains("CTR lift is not known: 40 effective pages, 100 asked for"));
  CHECK(policies[0].live_verdict == Verdict::kPromote);  // the truth is not asked
}
