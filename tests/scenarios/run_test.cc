#include "scenarios/run.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "scenarios/decision_table.h"
#include "scenarios/replay.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;
namespace fs = std::filesystem;

namespace {

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

/// A tiny scenario that was run once, for the tests that only look.
struct Ran {
  TemporaryFolder folder;
  std::string out = folder.path("run");
  Called called = call_program({"run", kTiny, "--out", out, "--threads", "1"});
};

const Ran& ran() {
  static const Ran run;
  return run;
}

}  // namespace

TEST_CASE("run leaves a whole folder and prints a table of at most 120 columns") {
  INFO(ran().called.err);
  REQUIRE(ran().called.status == 0);
  for (const char* name : {"scenario.yaml", "results.json", "timing.json", "run.log", "log",
                           "log/manifest.json", "policies/popular/policy.yaml"})
    CHECK(fs::exists(fs::path(ran().out) / name));
  const std::string& table = ran().called.out;
  INFO(table);
  CHECK(longest_line(table) <= 120);
  for (const char* text : {"tiny, seed 7: 3,000 logged pages by 'logging'", "popular", "baseline",
                           "Cost of exploration: 'logging' against 'curated'", "paired exact"})
    CHECK_THAT(table, Catch::Contains(text));
  CHECK(std::all_of(table.begin(), table.end(),
                    [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

TEST_CASE("the same scenario gives the same results and log for any number of threads") {
  REQUIRE(ran().called.status == 0);
  const TemporaryFolder folder;
  const std::string out = folder.path("run");
  const Called two = call_program({"run", kTiny, "--out", out, "--threads", "2", "--json"});
  REQUIRE(two.status == 0);
  for (const char* name : {"results.json", "scenario.yaml", "log/manifest.json"})
    CHECK(bytes_of(out + "/" + name) == bytes_of(ran().out + "/" + name));
  CHECK(two.out == bytes_of(out + "/results.json"));
  for (const auto& entry : fs::recursive_directory_iterator(ran().out + "/policies"))
    if (entry.is_regular_file())
      CHECK(bytes_of(entry.path()) ==
            bytes_of(out + "/" + fs::relative(entry.path(), ran().out).string()));
  const Called other = call_program({"run", kTiny, "--out", folder.path("b"), "--seed", "8"});
  REQUIRE(other.status == 0);
  CHECK(bytes_of(folder.path("b/results.json")) != bytes_of(out + "/results.json"));
}

TEST_CASE("the resolved scenario of a run gives the same results when it is run") {
  REQUIRE(ran().called.status == 0);
  const TemporaryFolder folder;
  const std::string out = folder.path("again");
  REQUIRE(call_program({"run", ran().out + "/scenario.yaml", "--out", out}).status == 0);
  CHECK(bytes_of(out + "/results.json") == bytes_of(ran().out + "/results.json"));
  CHECK(bytes_of(out + "/scenario.yaml") == bytes_of(ran().out + "/scenario.yaml"));
}

TEST_CASE("the gate option exits with 1 unless the log promotes the policy") {
  REQUIRE(ran().called.status == 0);
  const Results results = read_results(RunFolder(ran().out));
  const TemporaryFolder folder;
  for (const PolicyResult& policy : results.policies) {
    if (!policy.judged || policy.name == "thompson") continue;
    const Called called =
        call_program({"run", kTiny, "--out", folder.path(policy.name), "--gate", policy.name});
    CHECK(called.status == (policy.offline_verdict == Verdict::kPromote ? 0 : 1));
  }
  const std::string easy = "gate={metric: ctr, min_lift: -1, estimator: iips}";
  CHECK(call_program({"run", kTiny, "--out", folder.path("e"), "--set", easy, "--gate", "popular"})
            .status == 0);
  const Called oracle = call_program({"run", kTiny, "--out", folder.path("o"), "--gate", "oracle"});
  CHECK(oracle.status == 2);
  CHECK_THAT(oracle.err, Catch::Contains("unknown candidate 'oracle'"));
  CHECK(!fs::exists(folder.path("o")));
}

TEST_CASE("a folder that is not empty is refused, and --force replaces runs only") {
  const TemporaryFolder folder;
  const std::string out = folder.path("run");
  const std::vector<std::string> run{"run", kTiny, "--out", out};
  const std::vector<std::string> forced{"run", kTiny, "--out", out, "--force"};
  REQUIRE(call_program(run).status == 0);
  const Called refused = call_program(run);
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Catch::Contains("--force"));
  fs::remove(out + "/results.json");
  CHECK(call_program(run).status == 2);
  CHECK(call_program(forced).status == 0);
  folder.write("run/thesis.txt", "years of work");
  const Called foreign = call_program(forced);
  CHECK(foreign.status == 2);
  CHECK(bytes_of(out + "/thesis.txt") == "years of work");
  CHECK(fs::exists(out + "/results.json"));
}

TEST_CASE("bad input ends with status 2 before a folder is made") {
  const TemporaryFolder folder;
  const std::string out = folder.path("run");
  const auto status = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"run", kTiny, "--out", out});
    const Called called = call_program(more);
    CHECK(!called.err.empty());
    CHECK(called.out.empty());
    return called.status;
  };
  CHECK(status({"--set", "log.pages=-1"}) == 2);
  CHECK(status({"--set", "log.pages=many"}) == 2);
  CHECK(status({"--set", "lgo.pages=1"}) == 2);
  CHECK(status({"--set", "policies.logging.of={curated: 0.5, random: 0.4}"}) == 2);
  CHECK(status({"--set", "policies.logging.of={curated: 1.5}"}) == 2);
  CHECK(status({"--set", "policies.popular.objective=fame"}) == 2);
  CHECK(status({"--set", "log.policy=popular"}) == 2);
  CHECK(status({"--set", "gate.metric=revenue"}) == 2);
  CHECK(status({"--seed", "x"}) == 2);
  CHECK(status({"--threads", "-1"}) == 2);
  CHECK(status({"--resume"}) == 2);
  CHECK(call_program({"run", folder.path("none.yaml"), "--out", out}).status == 2);
  CHECK(!fs::exists(out));
  CHECK(call_program({"validate", kTiny}).status == 0);
  CHECK(call_program({"validate", kTiny, "--set", "seed=a"}).status == 2);
}

TEST_CASE("a full disk ends with status 3 and leaves nothing that looks whole") {
  for (const long most : {500L, 20000L}) {
    const TemporaryFolder folder;
    const Called called =
        call_program({"run", kTiny, "--out", folder.path("run")}, {.max_file_bytes = most});
    INFO(called.err);
    CHECK(called.status == 3);
    CHECK(!called.err.empty());
    CHECK(!fs::exists(folder.path("run/results.json")));
  }
  const TemporaryFolder folder;
  const std::string out = folder.path("log");
  CHECK(call_program({"simulate", kTiny, "--out", out}, {.max_file_bytes = 20000}).status == 3);
  CHECK(!fs::exists(out + "/manifest.json"));
}

TEST_CASE("SIGINT ends a run with status 130 and leaves nothing that looks whole") {
  const TemporaryFolder folder;
  const std::string out = folder.path("run");
  const Called called = call_program({"run", kTiny, "--out", out, "--set", "log.pages=20000000"},
                                     {.interrupt_when = out + "/log"});
  INFO(called.err);
  CHECK(called.status == 130);
  CHECK(!fs::exists(out + "/results.json"));
  CHECK(!fs::exists(out + "/log/manifest.json"));
  CHECK(call_program({"run", kTiny, "--out", out, "--force"}).status == 0);
}

TEST_CASE("simulate writes the log of run, byte for byte") {
  REQUIRE(ran().called.status == 0);
  const TemporaryFolder folder;
  const std::string out = folder.path("log");
  const Called called = call_program({"simulate", kTiny, "--out", out});
  INFO(called.err);
  REQUIRE(called.status == 0);
  CHECK_THAT(called.out, Catch::Contains("3000 pages"));
  CHECK(bytes_of(out + "/manifest.json") == bytes_of(ran().out + "/log/manifest.json"));
  CHECK(call_program({"simulate", kTiny, "--out", out}).status == 2);
}

TEST_CASE("replayed from the saved policies, all users' pages add up to the exact live value") {
  REQUIRE(ran().called.status == 0);
  const RunFolder folder(ran().out);
  const Results results = read_results(folder);
  const Scenario scenario = load_scenario(folder.scenario().string());
  Setup setup = build(scenario);
  load_step(scenario, setup, folder);
  const std::vector<std::string> names{"curated", "popular", "thompson", "oracle"};
  std::map<std::string, double> clicks;
  std::map<std::string, double> purchases;
  for (std::uint32_t user = 0; user < 300; ++user)
    for (const Replay& one : replay(scenario, setup, user, names))
      for (const ReplayedPage& page : one.pages)
        for (const ReplayedSlot& slot : page.slots) {
          clicks[one.policy] += slot.p_click;
          purchases[one.policy] += slot.p_purchase;
          CHECK(slot.clicks <= (slot.examined ? 1 : 0));
        }
  for (const PolicyResult& policy : results.policies) {
    if (clicks.count(policy.name) == 0) continue;
    INFO(policy.name);
    CHECK(policy.live.at("ctr").value == Approx(clicks[policy.name] / 1500).epsilon(1e-9));
    CHECK(policy.live.at("ptr").value == Approx(purchases[policy.name] / 1500).epsilon(1e-9));
  }
}

TEST_CASE("replay shows pages side by side and refuses what it does not know") {
  REQUIRE(ran().called.status == 0);
  const Called text =
      call_program({"replay", ran().out, "--user", "5", "--policies", "curated,popular"});
  INFO(text.out << text.err);
  CHECK(text.status == 0);
  CHECK(longest_line(text.out) <= 120);
  CHECK_THAT(text.out, Catch::Contains("Page 5:") && Catch::Contains("popular  (session"));
  const Called json =
      call_program({"replay", ran().out, "--user", "5", "--policies", "oracle", "--json"});
  REQUIRE(json.status == 0);
  const nlohmann::json replayed = nlohmann::json::parse(json.out);
  CHECK(replayed.at("policies").at(0).at("pages").size() == 5);
  CHECK(replayed.at("policies").at(0).at("pages").at(0).at("pscore") == 1.0);
  CHECK(call_program({"replay", ran().out, "--user", "300"}).status == 2);
  CHECK(call_program({"replay", ran().out, "--user", "-1"}).status == 2);
  const Called unknown = call_program({"replay", ran().out, "--user", "5", "--policies", "populr"});
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.err, Catch::Contains("did you mean 'popular'?"));
  const TemporaryFolder folder;
  CHECK(call_program({"replay", folder.path(), "--user", "5"}).status == 2);
  CHECK(call_program({"replay", folder.path("none"), "--user", "5"}).status == 2);
}
