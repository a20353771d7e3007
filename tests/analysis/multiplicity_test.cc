#include "analysis/multiplicity.h"

#include <cmath>

#include "analysis/gate.h"
#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("p-values are corrected as Holm and Bonferroni do", "[online]") {
  const std::vector<double> p{0.01, 0.04, 0.03, 0.005};
  const auto check = [&](const std::string& correction, const std::vector<double>& expected) {
    const std::vector<double> out = adjusted_p_values(p, correction);
    for (std::size_t i = 0; i < p.size(); ++i) CHECK(out[i] == Approx(expected[i]).epsilon(1e-12));
  };
  check("none", p);
  check("bonferroni", {0.04, 0.16, 0.12, 0.02});
  check("holm", {0.03, 0.06, 0.06, 0.02});
  CHECK(adjusted_p_values(std::vector<double>{0.9, 0.8}, "bonferroni") ==
        std::vector<double>{1, 1});
  CHECK_THROWS_AS(adjusted_p_values(p, "hommel"), Error);
  CHECK_THROWS_AS(adjusted_p_values(std::vector<double>{1.2}, "holm"), Error);
  CHECK(two_sided_p_value(-1.959963984540054) == Approx(0.05).epsilon(1e-10));
}

TEST_CASE("the gate decides exactly the candidates whose corrected p-values say so", "[online]") {
  Stream stream = Rng(4).stream(Draw::kResponse, Turn{});
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<PolicyResult> policies(6);
    std::vector<double> p;
    for (PolicyResult& policy : policies) {
      const double lift = 0.04 * normal_quantile(stream.uniform());
      policy.judged = true;
      Estimate estimate;
      estimate.estimator = "iips";
      estimate.metric = "ctr";
      estimate.lift = Interval{lift, 0, 0};
      estimate.lift_standard_error = 0.015;
      policy.estimates = {estimate};
      p.push_back(two_sided_p_value(lift / 0.015));
    }
    for (const std::string correction : {"holm", "bonferroni", "none"}) {
      GateRule rule;
      rule.correction = correction;
      apply_gate(rule, policies);
      const std::vector<double> adjusted = adjusted_p_values(p, correction);
      for (std::size_t i = 0; i < policies.size(); ++i)
        CHECK((policies[i].offline_verdict != Verdict::kHold) == (adjusted[i] <= 0.05));
    }
  }
}
