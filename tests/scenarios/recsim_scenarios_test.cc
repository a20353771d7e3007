#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;

namespace {

/// Runs a shipped scenario, small. Returns: results.json.
nlohmann::json results_of(const std::string& name, std::vector<std::string> settings) {
  const TemporaryFolder folder;
  std::vector<std::string> call{
      "run",       testing::source_folder() + "/scenarios/" + name + ".yaml",
      "--out",     folder.path("run"),
      "--threads", "1",
      "--json"};
  for (const char* size :
       {"world.users=50", "world.items=2000", "log.pages=4000", "live.pages=2000"})
    settings.push_back(size);
  for (const std::string& setting : settings) {
    call.push_back("--set");
    call.push_back(setting);
  }
  const Called called = call_program(call);
  INFO(called.err);
  REQUIRE(called.status == 0);
  return nlohmann::json::parse(called.out);
}

/// A policy's value of a metric in the live experiment.
double recsim_live(const nlohmann::json& results, const std::string& policy,
                   const std::string& metric) {
  for (const nlohmann::json& entry : results["policies"])
    if (entry["name"] == policy) return entry["live"][metric]["value"];
  FAIL("no policy " + policy);
  return 0;
}

}  // namespace

TEST_CASE("RecSim's scenarios run from log to decision, with at least three policies scored") {
  for (const auto& [name, metric] : {std::pair{"recsim_interest_evolution", "dwell"},
                                     {"recsim_interest_exploration", "ctr"},
                                     {"recsim_long_term_satisfaction", "engagement"}}) {
    const nlohmann::json results = results_of(name, {});
    INFO(name);
    REQUIRE(results["policies"].size() >= 3);
    for (const nlohmann::json& policy : results["policies"]) {
      INFO(policy.dump());
      CHECK(policy["live"][metric]["value"] > 0);
      CHECK(policy["live"][metric]["exact"] == true);
      std::size_t n = 0;
      for (const nlohmann::json& estimate : policy["estimates"])
        if (estimate["metric"] == metric && estimate["value"].is_number()) ++n;
      CHECK(n >= 4);
    }
  }
}

TEST_CASE("clickbait wins as published, and loses in the long run where satisfaction matters") {
  const nlohmann::json published = results_of("recsim_long_term_satisfaction", {});
  CHECK(recsim_live(published, "choc", "engagement") >
        1.1 * recsim_live(published, "random", "engagement"));
  CHECK(recsim_live(published, "kale", "engagement") <
        0.9 * recsim_live(published, "random", "engagement"));
  const nlohmann::json sensitive =
      results_of("recsim_long_term_satisfaction", {"users.sensitivity=0.2"});
  CHECK(recsim_live(sensitive, "choc", "engagement") <
        0.8 * recsim_live(sensitive, "random", "engagement"));
  CHECK(recsim_live(sensitive, "kale", "engagement") >
        1.2 * recsim_live(sensitive, "random", "engagement"));
}
