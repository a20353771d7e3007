#include "analysis/estimator_choice.h"

#include <cmath>

#include "analysis/evaluate.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

const Refusal kNone = [](const EstimatorEntry&) { return std::string(); };

Estimate member(const std::string& name, double value, double error) {
  Estimate out;
  out.estimator = name;
  out.value = value;
  out.standard_error = error;
  return out;
}

EstimatorRequest among(std::size_t n) {
  EstimatorRequest request{"auto", {}, true};
  for (std::size_t m = 0; m < n; ++m) request.members.push_back(m);
  return request;
}

const ChoiceRule& slope_rule() { return choice_rules().at("slope"); }

std::string error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  FAIL("no error");
  return "";
}

}  // namespace

TEST_CASE("names ask for estimators, grids and choices, and each estimator is scored once",
          "[choice]") {
  const char* families[] = {"ips", "dr_clip"};
  const EstimatorRequests requests =
      request_estimators({"dr_clip_2", "dr_clip_auto", "auto", "ipw"}, families, kNone, "");
  std::vector<std::string> scored;
  for (const Estimator& e : requests.scored) scored.push_back(e.name);
  CHECK(scored ==
        std::vector<std::string>{"dr_clip_2", "dr_clip_0.5", "dr_clip_10", "dr_clip_inf", "ips"});
  REQUIRE(requests.asked.size() == 4);
  CHECK_FALSE(requests.asked[0].choice);
  CHECK(requests.asked[1].name == "dr_clip_auto");
  CHECK(requests.asked[1].members == std::vector<std::size_t>{1, 0, 2, 3});
  CHECK(requests.asked[2].members == std::vector<std::size_t>{4, 1, 0, 2, 3});
  CHECK(requests.asked[3].name == "ips");
  CHECK(settled_name("switch_ipw_auto", kNone) == "switch_ips_auto");
  CHECK(settled_name("auto", kNone) == "auto");
}

TEST_CASE("a choice where there is none to make, and a name that does not apply, are errors",
          "[choice]") {
  CHECK_THAT(error_of([] { settled_name("iips_auto", kNone); }),
             Catch::Contains("iips has no hyper-parameter"));
  CHECK_THAT(error_of([] { settled_name("ipz_auto", kNone); }), Catch::Contains("ipz"));
  const Refusal all = [](const EstimatorEntry&) { return std::string("is not for this log"); };
  CHECK_THAT(error_of([&] { request_estimators({"dr_auto_x"}, {}, all, "here"); }),
             Catch::Contains("here: "));
  CHECK_THAT(error_of([&] { request_estimators({"ips"}, {}, all, "here"); }),
             Catch::Contains("here: ips: is not for this log"));
}

TEST_CASE(
    "slope takes the narrowest estimate that agrees with all wider ones and says where it "
    "stopped",
    "[choice]") {
  // Half widths are 1.28 standard errors, intervals twice those: 0.50 +- 0.26, 0.55 +- 0.13, and
  // 0.90 +- 0.03, which meets neither.
  const std::vector<Estimate> members{member("wide", 0.5, 0.1), member("middle", 0.55, 0.05),
                                      member("narrow", 0.9, 0.01)};
  const Estimate out = choose_estimate(among(3), members, 1e6, slope_rule());
  CHECK(out.estimator == "auto");
  CHECK(out.value == 0.55);
  REQUIRE(out.choice);
  CHECK(out.choice->estimator == "middle");
  CHECK(out.choice->rule == "slope");
  CHECK(out.choice->considered.size() == 3);
  CHECK(out.choice->considered[0].score == Approx(1.2815516 * 0.1).epsilon(1e-5));
  CHECK_THAT(out.choice->reason, Catch::StartsWith("middle: the narrowest of 3"));
  CHECK_THAT(
      out.choice->reason,
      Catch::Contains("the next, narrow (0.9 +- 0.013), is too far from wide (0.5 +- 0.13)"));
  CHECK_THAT(out.choice->reason, Catch::Contains("a bias below 0.38 would not have shown"));
  CHECK(out.warnings.empty());
}

TEST_CASE("slope plus plus stops where slope still goes on", "[choice]") {
  // 0.26 is below 2 (0.128 + 0.064) but above 0.064 + (sqrt 6 - 1) 0.128 = 0.250.
  const std::vector<Estimate> members{member("wide", 0.5, 0.1), member("narrow", 0.76, 0.05)};
  CHECK(choose_estimate(among(2), members, 1e6, slope_rule()).value == 0.76);
  CHECK(choose_estimate(among(2), members, 1e6, choice_rules().at("slope_plus_plus")).value == 0.5);
}

TEST_CASE("weights that are off their mean of 1, and estimates without spread, are left out",
          "[choice]") {
  std::vector<Estimate> members{member("wide", 0.5, 0.1), member("lost", 0.45, 0.001),
                                member("empty", 0.4, 0)};
  members[1].mean_weight = {0.2, 0.1, 0.3};
  members[2].mean_weight = {0, 0, 0};
  const Estimate out = choose_estimate(among(3), members, 1e6, slope_rule());
  CHECK(out.choice->estimator == "wide");
  CHECK_THAT(out.choice->reason, Catch::Contains("2 of 3 were left out"));
  members[0].mean_weight = {0.2, 0.1, 0.3};
  const Estimate doubtful = choose_estimate(among(3), members, 1e6, slope_rule());
  REQUIRE(doubtful.warnings.size() == 1);
  CHECK_THAT(doubtful.warnings[0], Catch::Contains("cannot be believed"));
  for (Estimate& each : members) each.value = std::nan("");
  CHECK_THAT(error_of([&] { choose_estimate(among(3), members, 1e6, slope_rule()); }),
             Catch::Contains("no estimator has a value"));
}

TEST_CASE("auto on pages takes a sharp estimator, whose value it repeats with its lift",
          "[choice]") {
  MadeUpOptions made_up;
  made_up.n_users = 3000;
  const MadeUpLog log = make_up_log(made_up, 3);
  const FunctionPolicy uniform([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
  const FunctionPolicy ordered(
      [](Offsets offsets, std::vector<std::uint16_t> n_positions) {
        std::vector<double> scores(offsets.back());
        for (std::size_t c = 0; c < scores.size(); ++c) scores[c] = -static_cast<double>(c);
        return make_deterministic(std::move(offsets), std::move(n_positions), scores);
      },
      true);
  EvaluateOptions options;
  options.metrics = {"ctr"};
  options.estimators = {"auto", "ips", "dr_clip_inf", "dr_clip_auto"};
  const auto estimates = evaluate(log.source(), {}, {{"uniform", &uniform}, {"ordered", &ordered}},
                                  &uniform, 0, Rng(2), options)[1];
  REQUIRE(estimates.size() == 4);
  const Estimate& chosen = estimates[0];
  REQUIRE(chosen.choice);
  CHECK(chosen.choice->considered.size() == 5);  // ips, rips, pi, iips, dr
  CHECK(chosen.standard_error < estimates[1].standard_error);
  CHECK(std::abs(chosen.value - estimates[2].value) <
        4 * std::hypot(chosen.standard_error, estimates[2].standard_error));
  CHECK(chosen.lift);
  CHECK_FALSE(estimates[1].choice);
  CHECK_THAT(estimates[3].choice->estimator, Catch::StartsWith("dr_clip_"));
  options.estimators = {chosen.choice->estimator};
  const auto alone = evaluate(log.source(), {}, {{"uniform", &uniform}, {"ordered", &ordered}},
                              &uniform, 0, Rng(2), options)[1][0];
  CHECK(alone.value == Approx(chosen.value).epsilon(1e-12));
  CHECK(alone.lift->low == Approx(chosen.lift->low).epsilon(1e-9));
  options.selection = "pas_if";
  CHECK_THROWS_AS(evaluate(log.source(), {}, {{"ordered", &ordered}}, &uniform, 0, Rng(2), options),
                  Error);
}
