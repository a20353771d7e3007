#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

/// A published simulator's scenario, run small. Returns: results.json.
Json run_simulator(const std::string& name, const std::vector<std::string>& settings = {}) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments{
      "run",   testing::source_folder() + "/scenarios/" + name + ".yaml",
      "--out", folder.path("run"),
      "--set", "log.pages=4000",
      "--set", "live.pages=2000"};
  for (const std::string& setting : settings) {
    arguments.push_back("--set");
    arguments.push_back(setting);
  }
  const Called called = call_program(arguments);
  INFO(called.err);
  REQUIRE(called.status == 0);
  return Json::parse(bytes_of(folder.path("run/results.json")));
}

const Json& named(const Json& results, const std::string& policy) {
  for (const Json& candidate : results["policies"])
    if (candidate["name"] == policy) return candidate;
  FAIL("no policy " << policy);
  return results;
}

void check_complete(const Json& results) {
  CHECK(results["policies"].size() >= 3);
  for (const Json& policy : results["policies"]) {
    INFO(policy["name"]);
    CHECK_FALSE(policy["estimates"].empty());
    CHECK_FALSE(policy["live"].empty());
    for (const auto& [metric, value] : policy["live"].items()) CHECK(value["exact"] == true);
  }
}

double live_value(const Json& results, const std::string& policy, const std::string& metric) {
  return named(results, policy)["live"][metric]["value"];
}

}  // namespace

TEST_CASE("every off-policy learner runs from its scenario to a verdict", "[program]") {
  const Json results =
      run_simulator("off_policy_learners",
                    {"log.pages=20000", "world.users=8000", "policies.banditnet.baselines=[1]",
                     "policies.mips.steps=500", "policies.potec.steps=500",
                     "policies.pi_opt.steps=500", "policies.offset_tree.steps=500"});
  CHECK(results["policies"].size() == 19);
  for (const Json& policy : results["policies"]) {
    INFO(policy["name"]);
    CHECK(policy["estimates"].empty() == (policy["name"] == "oracle"));
    CHECK(policy["live"]["ctr"]["exact"] == true);
  }
  const double logging = live_value(results, "logging", "ctr");
  for (const std::string policy : {"poem", "lower_bound", "log_smoothing"})
    CHECK(live_value(results, policy, "ctr") > 0.99 * logging);
}

TEST_CASE("scenario recogym runs and its users click what they have viewed") {
  const Json results = run_simulator("recogym");
  check_complete(results);
  CHECK(live_value(results, "most_viewed", "ctr") > 1.2 * live_value(results, "random", "ctr"));
  for (const Json& estimate : named(results, "popular")["estimates"]) CHECK(estimate["stderr"] > 0);
  const Json clusters = run_simulator(
      "recogym", {"world.type=recogym_v0", "users.type=recogym_v0",
                  "policies=[{name: random, type: ranked_list, ranker: {type: uniform}}, {name: "
                  "most_viewed, type: ranked_list, ranker: {type: popularity, context: views_}}]"});
  CHECK(live_value(clusters, "most_viewed", "ctr") > live_value(clusters, "random", "ctr"));
}

TEST_CASE("scenario deezer_carousels runs, and who does not swipe streams less") {
  const Json published = run_simulator("deezer_carousels");
  check_complete(published);
  CHECK(live_value(published, "popular", "ctr") > 1.2 * live_value(published, "random", "ctr"));
  const Json paper = run_simulator("deezer_carousels", {"users.swipe=0.3", "users.seen=paper"});
  CHECK(live_value(paper, "random", "ctr") < 0.7 * live_value(published, "random", "ctr"));
}

TEST_CASE("scenario kuaisim runs, with every published probability above a half") {
  const Json published = run_simulator("kuaisim");
  check_complete(published);
  for (const char* metric : {"clicks", "likes", "hides"}) {
    CHECK(live_value(published, "random", metric) > 6 * 0.499);
    CHECK(live_value(published, "random", metric) < 6 * 0.731);
  }
  const Json meant = run_simulator("kuaisim", {"users.link=sigmoid", "users.similarity=cosine"});
  CHECK(live_value(meant, "random", "hides") < 0.5);
  CHECK(live_value(meant, "popular", "clicks") > 1.05 * live_value(meant, "random", "clicks"));
}
