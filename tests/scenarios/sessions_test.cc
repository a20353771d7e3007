// Sessions through the program, in a world whose users change from page to page.

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "sim/log/log.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

/// Clickbait wins on every page and costs the satisfaction that the session's later pages live on.
const char* kSessionScenario = R"(
name: short_sessions
seed: 1
world: {type: recsim_long_term_satisfaction, users: 8000, items: 2000, candidates: 3, positions: 2}
users: {type: recsim_long_term_satisfaction, sensitivity: 3, time_budget: 3, choc_mean: 2,
        kale_mean: 1.5, choc_stddev: 0.3, kale_stddev: 0.3, innovation_stddev: 0.01}
policies:
  - {name: random, type: ranked_list, ranker: {type: uniform}}
  - {name: choc, type: ranked_list, ranker: {type: plackett_luce, weights: {clickbait: 4}}}
log: {policy: random, pages: 24000}
estimate: {metrics: [engagement], estimators: [iips]}
live: {baseline: random, pages: 120000, metrics: [engagement]}
gate: {metric: engagement, min_lift: 0, estimator: iips}
)";
constexpr double kSessionPages = 3;  // of every session

}  // namespace

TEST_CASE("in a world whose users change sessions cover the live value and pages do not") {
  const TemporaryFolder folder;
  const std::string file = folder.write("short.yaml", kSessionScenario);
  const std::string run = folder.path("run");
  const auto ran = call_program({"run", file, "--out", run});
  INFO(ran.err);
  REQUIRE(ran.status == 0);
  const auto results = nlohmann::json::parse(read_text(folder.path("run/results.json")));
  const auto live = [&](std::size_t p) {
    return kSessionPages * results["policies"][p]["live"]["engagement"]["value"].get<double>();
  };
  const auto scored =
      call_program({"evaluate", run, "--policy", "random=" + run + "/policies/random", "--policy",
                    "choc=" + run + "/policies/choc", "--baseline", "random", "--metrics",
                    "engagement", "--sessions", "--json"});
  INFO(scored.err);
  REQUIRE(scored.status == 0);
  const auto policies = nlohmann::json::parse(scored.out)["policies"];
  const double lift = live(1) / live(0) - 1;
  CHECK(lift < -0.1);
  std::set<std::string> seen;
  for (const auto& e : policies[1]["estimates"]) {
    const std::string name = e["estimator"];
    seen.insert(name);
    // Models in a context that does not tell satisfaction; distributions have no lift.
    if (name == "fqe" || name.find("mis") != std::string::npos ||
        name.find("mdr") != std::string::npos || name.starts_with("cd_"))
      continue;
    INFO(name << " " << e.dump());
    const double off = (e["value"].get<double>() - live(1)) / e["stderr"].get<double>();
    const bool page_wise = name == "page_wise" || name == "snpage_wise";
    if (page_wise) {
      CHECK(off > 8);
      CHECK(e["lift"]["low"].get<double>() > 0);  // it would be promoted
    } else {
      CHECK(std::abs(off) < 4);
      CHECK(e["lift"]["high"].get<double>() < 0);
    }
  }
  for (const char* name : {"dr", "sndr", "mis", "snmis", "mdr", "snmdr", "fqe", "cd_sntis"})
    CHECK(seen.count(name) == 1);
  // Its own log: every weight is 1.
  for (const auto& e : policies[0]["estimates"])
    if (e["metric"] == "engagement_per_session" && e["estimator"] != "fqe")
      CHECK(std::abs(e["value"].get<double>() - live(0)) < 4 * e["stderr"].get<double>());
}

TEST_CASE("the program refuses a discount without sessions, and with them what serves pages") {
  const TemporaryFolder folder;
  const std::string file = folder.write("short.yaml", kSessionScenario);
  const std::string log = folder.path("log");
  REQUIRE(call_program({"simulate", file, "--out", log, "--set", "log.pages=300"}).status == 0);
  const auto refused = [&](const std::vector<std::string>& extra) {
    std::vector<std::string> all{"evaluate", log, "--policy", "u=uniform"};
    all.insert(all.end(), extra.begin(), extra.end());
    const auto called = call_program(all);
    CHECK(called.status == 2);
    return called.err;
  };
  CHECK(refused({"--discount", "0.5"}).find("give --sessions") != std::string::npos);
  CHECK(refused({"--sessions", "--metrics", "engagement", "--estimators", "rips"}).find("pdis") !=
        std::string::npos);
  CHECK(refused({"--sessions", "--metrics", "engagement", "--estimators", "auto"})
            .find("chooses among estimators of pages") != std::string::npos);
  CHECK(refused({"--sessions", "--segments", "clicks"}).find("--segments") != std::string::npos);
}
