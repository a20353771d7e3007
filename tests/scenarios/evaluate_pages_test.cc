// Options of `rehearsal evaluate` for page logs: propensities and reward models of its own.

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;

namespace {

using Json = nlohmann::json;

std::string simulated(const TemporaryFolder& folder, const std::string& file,
                      const std::vector<std::string>& extra) {
  const std::string log = folder.path("log");
  std::vector<std::string> arguments{"simulate", file, "--out", log};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  const Called called = call_program(arguments);
  INFO(called.err);
  REQUIRE(called.status == 0);
  return log;
}

Called evaluated(const std::string& log, const std::vector<std::string>& extra) {
  std::vector<std::string> arguments{"evaluate", log, "--policy", "random=uniform", "--json"};
  arguments.insert(arguments.end(), extra.begin(), extra.end());
  return call_program(arguments);
}

Json estimates_of(const Called& called) {
  INFO(called.err);
  REQUIRE(called.status == 0);
  return Json::parse(called.out)["policies"][0]["estimates"];
}

}  // namespace

TEST_CASE("pages of a policy that orders uniformly are scored alike by estimated propensities") {
  const TemporaryFolder folder;
  const std::string log = simulated(folder, kTiny, {"--set", "log.policy=random"});
  const std::vector<std::string> which{"--metrics", "ctr", "--estimators", "iips,sniips"};
  const Json logged = estimates_of(evaluated(log, which));
  std::vector<std::string> with = which;
  with.insert(with.end(), {"--behavior", "estimated"});
  const Json estimated = estimates_of(evaluated(log, with));
  for (std::size_t e = 0; e < 2; ++e) {
    const double off = estimated[e]["value"].get<double>() - logged[e]["value"].get<double>();
    CHECK(std::abs(off) < 2 * logged[e]["stderr"].get<double>());
    CHECK(estimated[e]["warnings"].dump().find("propensities are estimated") != std::string::npos);
  }
  CHECK(evaluated(log, {"--behavior", "uniform"}).status == 2);
}

TEST_CASE("ranked lists too have estimated propensities, of their items") {
  const TemporaryFolder folder;
  const std::string file = folder.write("lists.yaml", R"(
name: lists
world: {type: recsim_interest_exploration, users: 500}
users: {type: recsim_interest_exploration}
policies: [{name: random, type: ranked_list, ranker: {type: uniform}}]
log: {policy: random, pages: 1500}
live: {baseline: random, pages: 100}
)");
  const std::string log = simulated(folder, file, {});
  const Json estimated = estimates_of(
      evaluated(log, {"--metrics", "clicks", "--estimators", "iips", "--behavior", "estimated"}));
  CHECK(estimated[0]["value"].get<double>() > 0);
}

TEST_CASE("the reward model of pages is chosen by name, folds and calibration") {
  const TemporaryFolder folder;
  const std::string log = simulated(folder, kTiny, {});
  const std::vector<std::string> which{"--metrics", "ctr", "--estimators", "dm"};
  const auto value = [&](const std::string& outcome) {
    std::vector<std::string> with = which;
    if (!outcome.empty()) with.insert(with.end(), {"--outcome", outcome});
    return estimates_of(evaluated(log, with))[0]["value"].get<double>();
  };
  const double plain = value("");
  CHECK(value("logistic:2") == plain);
  CHECK(value("ridge") != plain);
  CHECK(value("ridge:4") != value("ridge"));
  CHECK(value("ridge:3:isotonic") != value("ridge:3"));
  const auto refused = [&](const std::string& outcome) {
    std::vector<std::string> with = which;
    with.insert(with.end(), {"--outcome", outcome});
    const Called called = evaluated(log, with);
    CHECK(called.status == 2);
    return called.err;
  };
  CHECK_THAT(refused("rigde"), Catch::Contains("did you mean 'ridge'?"));
  CHECK_THAT(refused("ridge:x"), Catch::Contains("TYPE[:FOLDS[:CALIBRATE]]"));
  CHECK_THAT(refused("ridge:2:isotonic"), Catch::Contains("estimate.outcome.folds"));
  CHECK_THAT(refused("ridge:3:plat"), Catch::Contains("isotonic"));
}

TEST_CASE("pages of shelves are scored item by item, in a run and from a log alone") {
  const TemporaryFolder folder;
  const std::string file = folder.write("shelves.yaml", R"(
name: shelves
world: {type: media_homepage, users: 400, items: 200, days: 10, visit_days: 2, modules: 3,
        candidates: 3, positions: 2}
users: {type: media_homepage}
policies:
  - {name: random, type: uniform, ranker: {type: uniform}}
  - {name: retrieved, type: uniform}
log: {policy: random, pages: 4000, train_share: 0.01}
estimate: {metrics: [engagement], estimators: [iips, cell_marginal, sncell_marginal, row_cascade]}
live: {baseline: random, pages: 4000, metrics: [engagement]}
gate: {metric: engagement, estimator: cell_marginal}
)");
  const Called ran = call_program({"run", file, "--out", folder.path("run"), "--json"});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const Json results = Json::parse(ran.out);
  const auto estimate = [](const Json& estimates, const std::string& name) {
    for (const Json& each : estimates)
      if (each["estimator"] == name) return each;
    FAIL("no estimate by " << name);
    return Json();
  };
  const Json& retrieved = results["policies"][1];
  const double live = retrieved["live"]["engagement"]["value"];
  for (const std::string name : {"iips", "cell_marginal", "sncell_marginal", "row_cascade_1"}) {
    INFO(name);
    const Json own = estimate(retrieved["estimates"], name);
    CHECK(std::abs(own["value"].get<double>() - live) < 4 * own["stderr"].get<double>());
  }
  const auto ess = [&](const std::string& name) {
    return estimate(retrieved["estimates"], name)["ess"].get<double>();
  };
  CHECK(ess("cell_marginal") > 1.5 * ess("iips"));  // two items alike are rarer than one
  CHECK(ess("cell_marginal") == ess("sncell_marginal"));

  // `random` there is uniform over modules and leaves items as retrieved.
  const std::string log = simulated(folder, file, {});
  const Json own = estimates_of(evaluated(
      log, {"--metrics", "engagement", "--estimators", "cell_marginal,row_marginal,page_cascade"}));
  CHECK(own.size() == 3);
  for (const Json& each : own)
    CHECK(std::abs(each["value"].get<double>() - live) < 4 * each["stderr"].get<double>());
  const Json wider = estimates_of(evaluated(
      log, {"--metrics", "engagement", "--estimators", "row_marginal", "--columns-of-row", "2"}));
  CHECK(wider[0]["value"] != own[1]["value"]);
  CHECK(wider[0]["stderr"].get<double>() > own[1]["stderr"].get<double>());
  const Called refused =
      evaluated(log, {"--metrics", "engagement", "--estimators", "row_cascade_1.5"});
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Catch::Contains("expected a whole number or inf"));
}
