// Page effects, re-rankers, constraints and page oracles through the program.
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

const std::string kPageOrderers = testing::source_folder() + "/scenarios/page_orderers.yaml";

const char* const kSmall = R"(
name: small
seed: 4
world: {type: item_page, users: 400, items: 960, categories: 8, modules: 6, slots: 3,
        always_eligible: 5, click_logit: -1.5, purchase_logit: -1, pool_overlap: 0.5}
users: {type: item_page, substitutes: 0.9, repeat_discount: 0.5, cascade_stop: 0.5}
policies:
  - {name: random, type: uniform, constraints: {pinned: {recently_viewed: 1}}}
  - {name: curated, type: static_order}
  - {name: logging, type: mixture, of: {curated: 0.2, random: 0.8}, constraints: {max_sponsored: 0}}
  - {name: logistic, type: logistic}
  - {name: mmr, type: mmr, of: logistic}
  - {name: dpp, type: dpp, of: logistic, temperature: 0.1, ranker: {type: mmr}}
  - {name: sort, type: oracle}
  - {name: greedy, type: oracle, search: greedy}
  - {name: best, type: oracle, search: brute_force}
  - {name: held, type: oracle, search: beam, constraints: {max_sponsored: 0}}
log: {policy: logging, pages: 4000}
estimate: {metrics: [ctr, ptr], estimators: [iips]}
live: {baseline: curated, pages: 1500}
)";

}  // namespace

TEST_CASE("page effects, re-rankers, constraints and page oracles run and resume their policies",
          "[page_orderers]") {
  const TemporaryFolder folder;
  const std::string file = folder.write("small.yaml", kSmall);
  const Called called = call_program({"run", file, "--out", folder.path("run"), "--threads", "1"});
  INFO(called.err);
  REQUIRE(called.status == 0);
  const Json results = Json::parse(bytes_of(folder.path("run/results.json")));
  std::map<std::string, double> ctr;
  for (const Json& policy : results["policies"])
    ctr[policy["name"]] = policy["live"]["ctr"]["value"];
  CHECK(ctr["best"] >= ctr["greedy"]);
  CHECK(ctr["greedy"] > ctr["sort"]);
  for (const auto& [name, value] : ctr) {
    INFO(name);
    CHECK(value <= ctr["best"] * (1 + 1e-12));
  }
  const std::string resolved = bytes_of(folder.path("run/scenario.yaml"));
  CHECK_THAT(resolved, Catch::Contains("substitutes: 0.9") && Catch::Contains("theme_width"));
  const std::string saved = bytes_of(folder.path("run/policies/mmr/policy.yaml"));
  CHECK_THAT(saved, Catch::Contains("of: logistic") && Catch::Contains("parts"));
}

TEST_CASE("the scenario of page orderers is valid and its types are listed", "[page_orderers]") {
  CHECK(call_program({"validate", kPageOrderers}).status == 0);
  for (const char* name : {"mmr", "dpp"}) {
    const Called listed = call_program({"list", "policies", name});
    CHECK(listed.status == 0);
    CHECK_THAT(listed.out, Catch::Contains("trade_off"));
    CHECK_THAT(call_program({"list", "rankers", name}).out, Catch::Contains("similar"));
  }
  CHECK_THAT(call_program({"list", "policies", "oracle"}).out, Catch::Contains("brute_force"));
}

TEST_CASE("a re-ranker of a policy that does not stand above it is refused", "[page_orderers]") {
  const TemporaryFolder folder;
  std::string text = kSmall;
  text.replace(text.find("of: logistic"), 12, "of: logistik");
  const Called called = call_program({"run", folder.write("bad.yaml", text)});
  CHECK(called.status == 2);
  CHECK_THAT(called.err, Catch::Contains("did you mean 'logistic'"));
}
