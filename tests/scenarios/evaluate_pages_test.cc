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
