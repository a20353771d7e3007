// Bandits through the program: the step `online:` of a scenario.
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "policies/policies.h"
#include "scenarios/run.h"
#include "scenarios/run_online.h"
#include "scenarios/study_tables.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
namespace fs = std::filesystem;

namespace {

/// A scenario of a small item page in which every bandit of the table serves.
std::string scenario(const std::string& online = "delay: 1, batches: 4, pages: 150") {
  std::string text =
      "name: bandits\nseed: 3\n"
      "world: {type: item_page, users: 200, items: 400, categories: 8}\n"
      "users: {type: item_page}\npolicies:\n"
      "  - {name: random, type: uniform}\n"
      "  - {name: popular, type: popularity}\n";
  std::string names = "random, popular";
  for (const PolicyEntry& entry : policies().entries())
    if (entry.online) {
      text += "  - {name: " + entry.name + ", type: " + entry.name + "}\n";
      names += ", " + entry.name;
    }
  return text +
         "  - {name: oracle, type: oracle}\n"
         "log: {policy: random, pages: 600}\n"
         "estimate: {metrics: [ctr], estimators: [iips]}\n"
         "live: {baseline: random, pages: 400, metrics: [ctr]}\n"
         "gate: {metric: ctr, estimator: iips}\n"
         "online: {policies: [" +
         names + "], best: oracle, " + online + "}\n";
}

}  // namespace

TEST_CASE("bandits learn in a run, with the same bytes for any number of threads",
          "[online][program]") {
  const TemporaryFolder folder;
  const std::string file = folder.write("bandits.yaml", scenario());
  const Called one = call_program({"run", file, "--out", folder.path("one"), "--threads", "1"});
  INFO(one.err);
  REQUIRE(one.status == 0);
  const Called three = call_program({"run", file, "--out", folder.path("three"), "--threads", "3"});
  REQUIRE(three.status == 0);
  for (const char* name : {"results.json", "regret.csv", "scenario.yaml",
                           "online/linear_ucb/state.h5", "online/beta_thompson/state.h5"})
    CHECK(bytes_of(folder.path(std::string("one/") + name)) ==
          bytes_of(folder.path(std::string("three/") + name)));
  CHECK_THAT(one.out, Catch::Contains("Online: 4 batches of 150 pages, feedback 1 batches late"));
  CHECK_THAT(one.out, Catch::Contains("popular *"));
  CHECK_THAT(one.out, Catch::Contains("share of first       s.e."));
  const Results results = read_results(RunFolder(folder.path("one")));
  REQUIRE(results.online);
  CHECK(to_json(results) == bytes_of(folder.path("one/results.json")));
  CHECK(results.online->batches == 4);
  for (const OnlineResult& policy : results.online->policies) {
    INFO(policy.name);
    CHECK(policy.learns == policies()
                               .at(policy.name == "random"    ? "uniform"
                                   : policy.name == "popular" ? "popularity"
                                                              : policy.name)
                               .online);
    CHECK(policy.rounds == std::vector<std::uint64_t>(4, 150));
    REQUIRE(policy.regret.size() == 4);
    CHECK(policy.regret[3] > 0);
    CHECK(policy.regret[0] == Approx(policy.best[0] - policy.expected[0]));
    CHECK(policy.best == results.online->policies[0].best);
    REQUIRE(policy.regret_standard_error.size() == 4);
    CHECK(policy.regret_standard_error[3] > policy.regret_standard_error[0]);
    CHECK(policy.total.value == policy.regret[3]);
    CHECK(policy.total.high - policy.total.value ==
          Approx(1.959964 * policy.regret_standard_error[3]));
    const OnlineResult& first = results.online->policies[0];
    CHECK(policy.share.value == Approx(policy.regret[3] / first.regret[3]));
    // Of the same users: less than if two groups were compared.
    CHECK(policy.share_standard_error <
          std::hypot(policy.regret_standard_error[3],
                     policy.share.value * first.regret_standard_error[3]) /
              first.regret[3]);
    CHECK((policy.share_standard_error == Approx(0).margin(1e-12)) == (policy.name == first.name));
    CHECK(fs::exists(folder.path("one/online/" + policy.name + "/policy.yaml")) == policy.learns);
  }
  const std::string curves = bytes_of(folder.path("one/regret.csv"));
  CHECK(std::count(curves.begin(), curves.end(), '\n') ==
        1 + 4 * static_cast<long>(results.online->policies.size()));
  // The resolved scenario says the same again, and another --force replaces the run.
  const Called again = call_program(
      {"run", folder.path("one/scenario.yaml"), "--out", folder.path("three"), "--force"});
  CHECK(again.status == 0);
  CHECK(bytes_of(folder.path("three/results.json")) == bytes_of(folder.path("one/results.json")));
}

TEST_CASE("bandits may start from the log, and a scenario without them has no such step",
          "[online][program]") {
  const TemporaryFolder folder;
  const std::string file =
      folder.write("bandits.yaml", scenario("start: log, batches: 2, pages: 50"));
  const std::string fresh = folder.write("fresh.yaml", scenario("batches: 2, pages: 50"));
  REQUIRE(call_program({"run", file, "--out", folder.path("log")}).status == 0);
  REQUIRE(call_program({"run", fresh, "--out", folder.path("fresh")}).status == 0);
  const Results log = read_results(RunFolder(folder.path("log")));
  const Results none = read_results(RunFolder(folder.path("fresh")));
  for (std::size_t p = 0; p < log.online->policies.size(); ++p) {
    INFO(log.online->policies[p].name);
    CHECK((log.online->policies[p].expected[0] == none.online->policies[p].expected[0]) ==
          !log.online->policies[p].learns);
  }
  const Called off =
      call_program({"run", fresh, "--out", folder.path("off"), "--set", "online.policies=[]"});
  REQUIRE(off.status == 0);
  CHECK_THAT(off.out, !Catch::Contains("Online:"));
  CHECK(!fs::exists(folder.path("off/regret.csv")));
  CHECK_THAT(bytes_of(folder.path("off/results.json")), !Catch::Contains("\"online\""));
}

TEST_CASE("an online experiment that cannot be is refused by name", "[online][program]") {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& assignment) {
    const std::string file = folder.write("bandits.yaml", scenario());
    const Called called = call_program({"validate", file, "--set", assignment});
    CHECK(called.status == 2);
    return called.err;
  };
  CHECK_THAT(refused("online.policies=[randm]"), Catch::Contains("did you mean 'random'?"));
  CHECK_THAT(refused("online.best=orcale"), Catch::Contains("did you mean 'oracle'?"));
  CHECK_THAT(refused("online.batches=0"), Catch::Contains("online.batches"));
  CHECK_THAT(refused("online.policies=[random, random]"), Catch::Contains("twice"));
  CHECK_THAT(refused("policies.kl_ucb.feedback=impressions"),
             Catch::Contains("impressions are of items"));
}

TEST_CASE("a study gathers regret over worlds, pairs of policies paired by seed",
          "[online][program][study]") {
  const TemporaryFolder folder;
  folder.write("bandits.yaml", scenario("batches: 3, pages: 100"));
  const std::string file = folder.write("study.yaml",
                                        "name: worlds\nscenario: bandits.yaml\nseeds: 3\n"
                                        "pairs: [[kl_ucb, ucb1], [kl_ucb, oracle]]\n");
  const std::string out = folder.path("out");
  const Called called = call_program({"study", file, "--out", out});
  INFO(called.err);
  REQUIRE(called.status == 0);
  CHECK_THAT(called.out, Catch::Contains("kl_ucb - ucb1"));
  const nlohmann::json study = nlohmann::json::parse(bytes_of(out + "/study.json"));
  std::vector<double> lost, paired, shares;
  for (const auto& job : fs::directory_iterator(out + "/jobs")) {
    const Results results = read_results(RunFolder(job.path()));
    const auto of = [&](const std::string& name) {
      const auto& all = results.online->policies;
      return *std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.name == name; });
    };
    lost.push_back(of("kl_ucb").regret.back());
    paired.push_back(of("kl_ucb").regret.back() - of("ucb1").regret.back());
    shares.push_back(of("kl_ucb").regret.back() / of("random").regret.back());
  }
  std::map<std::string, nlohmann::json> rows;
  for (const auto& row : study.at("regret"))
    rows[row.at("policy").get<std::string>() + "-" + row.at("minus").get<std::string>() + "-" +
         row.at("measure").get<std::string>()] = row.at("value");
  const auto check = [&](const std::string& row, const std::vector<double>& values) {
    const Spread spread = spread_of(values);
    INFO(row);
    CHECK(rows.at(row).at("n") == 3);
    CHECK(rows.at(row).at("mean").get<double>() == Approx(spread.mean));
    CHECK(rows.at(row).at("sd").get<double>() == Approx(spread.sd));
    CHECK(rows.at(row).at("t").get<double>() == Approx(spread.t()));
  };
  check("kl_ucb--regret", lost);
  check("kl_ucb-ucb1-regret", paired);
  check("kl_ucb--share", shares);
  // The oracle is what the others are measured against; it does not serve.
  CHECK(rows.count("kl_ucb-oracle-regret") == 0);
  CHECK_THAT(bytes_of(out + "/regret.csv"), Catch::Contains(",kl_ucb,ucb1,last_tenth,3,"));
}
