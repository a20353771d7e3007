// Policies that order the items of a list, through the program.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

/// Args: type: of the last policy, with its keys.
std::string scenario_of(const std::string& policies) {
  return R"(
name: small_list
seed: 3
world: {type: catalogue, users: 800, items: 200, modules: 1, slots: 1, candidates: 6, positions: 2}
users: {type: dbn, gamma: 0.8}
policies:
  - {name: random, type: ranked_list, ranker: {type: uniform}}
  - {name: popular, type: ranked_list, ranker: {type: popularity, feature: popularity}}
  - {name: logging, type: mixture, of: {popular: 0.5, random: 0.5}}
)" + policies +
         R"(
log: {policy: logging, pages: 4000, train_share: 0.5}
estimate: {metrics: [ctr], estimators: [iips, rips]}
live: {baseline: logging, pages: 500, metrics: [ctr]}
gate: {metric: ctr, min_lift: 0, estimator: rips}
)";
}

}  // namespace

TEST_CASE("the program trains, judges from the log and runs policies that order a list's items",
          "[list_rankers][program]") {
  const std::vector<std::string> learners{"weighted_likelihood",
                                          "top_k_gradient",
                                          "pl_rank",
                                          "ips_gradient",
                                          "dr_gradient",
                                          "banditnet",
                                          "mips_gradient",
                                          "pi_opt",
                                          "poem",
                                          "lower_bound",
                                          "log_smoothing",
                                          "dlcm",
                                          "prm",
                                          "setrank",
                                          "evaluator_generator",
                                          "pointer"};
  std::string policies;
  for (const std::string& type : learners)
    policies += "  - {name: " + type + ", type: " + type + ", steps: 40" +
                (type == "pointer" ? ", reinforce_steps: 20, evaluator: {steps: 20}" : "") + "}\n";
  policies += "  - {name: mixed, type: mixture, of: {ips_gradient: 0.5, prm: 0.5}}\n";
  const TemporaryFolder folder;
  const std::string file = folder.write("list.yaml", scenario_of(policies));
  const Called run = call_program({"run", file, "--out", folder.path("run"), "--threads", "2"});
  INFO(run.err);
  REQUIRE(run.status == 0);
  const Json results = Json::parse(bytes_of(folder.path("run/results.json")));
  CHECK(results["policies"].size() == learners.size() + 4);
  for (const Json& policy : results["policies"]) {
    INFO(policy["name"]);
    CHECK(policy["live"]["ctr"]["value"] > 0);
    CHECK(policy["estimates"].size() >= 2);
  }
  // What was saved is what ran: judged again from the log, and served.
  for (const std::string name : {"ips_gradient", "setrank", "mixed"}) {
    INFO(name);
    const Called again =
        call_program({"evaluate", folder.path("run"), "--policy",
                      "again=" + folder.path("run/policies/") + name, "--estimators", "iips"});
    INFO(again.err);
    CHECK(again.status == 0);
  }
}

TEST_CASE("policies that cannot order the items of a list are refused with their line",
          "[list_rankers][program]") {
  const TemporaryFolder folder;
  const auto refusal = [&](const std::string& policy) {
    const std::string file =
        folder.write("list.yaml", scenario_of("  - {name: own, type: " + policy + "}\n"));
    const Called called = call_program({"validate", file});
    CHECK(called.status == 2);
    return called.err;
  };
  CHECK_THAT(refusal("logistic"),
             Catch::Contains("list.yaml:10") && Catch::Contains("orders modules alone"));
  CHECK_THAT(refusal("offset_tree"), Catch::Contains("candidates of a list"));
  CHECK_THAT(refusal("potec"), Catch::Contains("one item a list"));
  CHECK_THAT(refusal("prm, ranker: {type: uniform}"), Catch::Contains("orders the items itself"));
  CHECK_THAT(refusal("prm, constraints: {max_sponsored: 1}"), Catch::Contains("constraints"));
}

TEST_CASE("the list rankers' scenario and study are valid", "[list_rankers][program]") {
  const std::string scenarios = testing::source_folder() + "/scenarios/";
  const Called called = call_program({"validate", scenarios + "list_rankers.yaml"});
  INFO(called.err);
  CHECK(called.status == 0);
}
