#include "scenarios/plan.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;

namespace {

PlanOptions small_plan() {
  PlanOptions options;
  options.lift = 0.1;
  options.pilot_pages = 4000;
  options.exploration = {0.2, 0.5};
  options.candidates = {"popular", "thompson"};
  return options;
}

}  // namespace

TEST_CASE("a plan says what an A/B test and a log need in the scenario's own world", "[plan]") {
  const Plan out = plan(load_scenario(kTiny), small_plan());
  REQUIRE(out.logs.size() == 2);
  // Clicks a page vary like a count of rare events.
  CHECK(out.value > 0.05);
  CHECK(out.variance == Approx(out.value).epsilon(0.3));
  CHECK(out.goal.n_candidates == 2);
  const double z = 2.241402727604947 + 0.8416212335729143;  // 1 - 0.05 / 4 and 0.8
  CHECK(out.pages_per_arm ==
        Approx(z * z * 2 * out.variance / std::pow(0.1 * out.value, 2)).epsilon(1e-9));
  // Random pages cost in proportion to their share, and each makes the log more telling.
  CHECK(out.logs[0].cost < 0);
  CHECK(out.logs[1].cost == Approx(2.5 * out.logs[0].cost).epsilon(0.2));
  for (std::size_t c = 0; c < 2; ++c) {
    REQUIRE(std::isfinite(out.logs[0].candidates[c].pages));
    CHECK(out.logs[0].candidates[c].pages > out.logs[1].candidates[c].pages);
  }
}

TEST_CASE(
    "a plan asks for the same pages whatever the pilot's size and for four times at half the "
    "lift",
    "[plan]") {
  const Scenario scenario = load_scenario(kTiny);
  PlanOptions options = small_plan();
  options.candidates = {"random"};
  options.exploration = {0.5};
  const double pages = plan(scenario, options).logs[0].candidates[0].pages;
  options.lift = 0.05;
  CHECK(plan(scenario, options).logs[0].candidates[0].pages == Approx(4 * pages));
  options.lift = 0.1;
  options.pilot_pages = 16000;
  CHECK(plan(scenario, options).logs[0].candidates[0].pages == Approx(pages).epsilon(0.25));
}

TEST_CASE("a behaviour without random pages is planned as it is", "[plan]") {
  PlanOptions options = small_plan();
  const Plan out = plan(load_scenario(kTiny, {"log.policy=random"}), options);
  REQUIRE(out.logs.size() == 1);
  CHECK(std::isnan(out.logs[0].exploration));
  CHECK(to_text(out).find("as logged") != std::string::npos);
}

TEST_CASE("a plan refuses what cannot be planned", "[plan]") {
  const auto refused = [](auto&& change, const std::vector<std::string>& set = {}) {
    PlanOptions options = small_plan();
    change(options);
    CHECK_THROWS_AS(plan(load_scenario(kTiny, set), options), Error);
  };
  refused([](PlanOptions& o) { o.candidates = {"populer"}; });
  refused([](PlanOptions& o) { o.candidates = {"oracle"}; });
  refused([](PlanOptions& o) { o.exploration = {0}; });
  refused([](PlanOptions& o) { o.pilot_pages = 10; });
  refused([](PlanOptions& o) { o.power = 1; });
  refused([](PlanOptions&) {}, {"gate.min_lift=0.1"});
}

TEST_CASE("rehearsal plan prints a table or JSON", "[plan]") {
  const std::vector<std::string> arguments{"plan",          kTiny,     "--lift",        "0.1",
                                           "--policies",    "popular", "--exploration", "0.5",
                                           "--pilot-pages", "2000"};
  const Called table = call_program(arguments);
  CHECK(table.status == 0);
  CHECK(table.out.find("A/B test:") != std::string::npos);
  CHECK(table.out.find("popular") != std::string::npos);
  std::vector<std::string> json = arguments;
  json.push_back("--json");
  const Called called = call_program(json);
  CHECK(called.status == 0);
  const auto parsed = nlohmann::json::parse(called.out);
  CHECK(parsed.at("schema") == "rehearsal.plan/1");
  CHECK(parsed.at("logs").at(0).at("candidates").at("popular").at("pages") > 0);
  CHECK(call_program({"plan", kTiny, "--policies", "nobody"}).status == 2);
}
