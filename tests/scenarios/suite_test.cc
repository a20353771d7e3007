#include "scenarios/suite/suite.h"

#include <filesystem>

#include "scenarios/suite/facts.h"
#include "scenarios/suite/judge.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;

namespace {

/// A suite beside a copy of the tiny scenario.
struct SuiteFile {
  TemporaryFolder folder;
  std::string file;

  explicit SuiteFile(const std::string& checks,
                     const std::string& more = "seeds: 3, arms: [random, popular, thompson]") {
    folder.write("tiny.yaml", bytes_of(kTiny));
    file = folder.write("suite.yaml",
                        "name: mini\ncases:\n  - {name: tiny, scenario: tiny.yaml, " + more +
                            ", set: {log.pages: 1000, live.pages: 600, estimate.interval: normal}, "
                            "checks: [" +
                            checks + "]}\n");
  }
  Called check(std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"check", file, "--threads", "1"});
    return call_program(more);
  }
  /// Puts another policy of the same name into the scenario.
  void replace(const std::string& from, const std::string& to) const {
    std::string text = bytes_of(folder.path("tiny.yaml"));
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    folder.write("tiny.yaml", text.replace(at, from.size(), to));
  }
};

std::string why_suite_refused(const std::string& checks,
                              const std::string& more = "seeds: 3, arms: [random, popular]") {
  const SuiteFile suite(checks, more);
  try {
    load_suite(suite.file);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "";
}

/// A case of one policy with these live lifts, and what a suite with one check says of it.
struct Judged {
  Suite suite;
  CaseFacts facts;
  Baseline baseline;

  Judged(const std::vector<double>& now, const std::vector<double>& before, SuiteCheck check) {
    check.policies = {"p"};
    suite.cases.push_back({"c", {}, {check}});
    suite.cases.back().study.seeds = {1};
    for (const double lift : now) {
      PolicyResult policy;
      policy.name = "p";
      policy.lift["ctr"].lift = {lift, lift, lift};
      Estimate estimate;
      estimate.estimator = "iips";
      estimate.metric = "ctr";
      estimate.lift = Interval{0.1, 0.05, 0.15};
      policy.estimates.push_back(estimate);
      facts.runs.emplace_back();
      facts.runs.back().policies.push_back(policy);
    }
    if (!before.empty()) baseline.cases["c"].lifts["p"]["ctr"] = before;
  }
  Outcome outcome() const { return judge(suite, {facts}, baseline).outcomes.front(); }
};

SuiteCheck check_of(const std::string& kind) {
  SuiteCheck check;
  check.check = kind;
  return check;
}

}  // namespace

TEST_CASE("check stores what it finds, passes again and fails where a policy changed", "[check]") {
  const SuiteFile suite(
      "{check: no_regression, policies: [random, popular]}, "
      "{check: guardrail, policies: [popular], metric: ptr, not_worse_than: -0.9}, "
      "{check: lift, policies: [random], at_least: -0.9, confidence: 0.9}, "
      "{check: covers, policies: [random]}, "
      "{check: propensities, policies: [random, popular, thompson]}, "
      "{check: latency, policies: [popular], p99_ms: 1000}, "
      "{check: golden_scores, policies: [popular, thompson]}");
  const Called without = suite.check();
  CHECK(without.status == 2);
  CHECK_THAT(without.err, Catch::Contains("mini.baseline.json") && Catch::Contains("--update"));
  const Called update = suite.check({"--update"});
  INFO(update.out << update.err);
  REQUIRE(update.status == 0);
  const Called again = suite.check({"--junit", suite.folder.path("pass.xml")});
  INFO(again.out << again.err);
  CHECK(again.status == 0);
  CHECK_THAT(again.out, Catch::Contains("mini: 11 of 11 checks passed") &&
                            Catch::Contains("80 % power") && !Catch::Contains("FAIL"));
  CHECK_THAT(bytes_of(suite.folder.path("pass.xml")),
             Catch::Contains("tests=\"11\" failures=\"0\""));
  suite.replace("type: popularity, objective: ctr", "type: popularity, objective: ptr");
  const Called changed = suite.check({"--junit", suite.folder.path("fail.xml")});
  INFO(changed.out << changed.err);
  CHECK(changed.status == 1);
  CHECK_THAT(changed.out, Catch::Contains("FAIL  golden_scores popular: ") &&
                              Catch::Contains("] before, [") &&
                              Catch::Contains("pass  golden_scores thompson"));
  CHECK_THAT(
      bytes_of(suite.folder.path("fail.xml")),
      Catch::Contains("<failure message=\"") && Catch::Contains("name=\"golden_scores popular\""));
}

TEST_CASE("the results of one run are a baseline, which update replaces", "[check]") {
  const SuiteFile suite("{check: no_regression, policies: [popular]}",
                        "seeds: 3, arms: [random, popular], baseline: results.json");
  CHECK_THAT(suite.check().err, Catch::Contains("results.json: there is no stored baseline yet"));
  const Called update = suite.check({"--update", "--out", suite.folder.path("runs")});
  INFO(update.out << update.err);
  REQUIRE(update.status == 0);
  CHECK_THAT(update.out, Catch::Contains("Stored in") && Catch::Contains("results.json"));
  const std::string stored = bytes_of(suite.folder.path("results.json"));
  CHECK(from_json(stored, "results.json").seed == 1);
  CHECK(suite.check().status == 0);
  // A run that was far better before.
  Results better = from_json(stored, "results.json");
  for (PolicyResult& policy : better.policies)
    if (policy.name == "popular") policy.lift.at("ctr").lift.value += 5;
  suite.folder.write("results.json", to_json(better));
  const Called worse = suite.check();
  CHECK(worse.status == 1);
  CHECK_THAT(worse.out, Catch::Contains("FAIL  no_regression popular ctr"));
  CHECK(suite.check({"--update"}).status == 0);
  CHECK(bytes_of(suite.folder.path("results.json")) == stored);
}

TEST_CASE("the folder of a run is a baseline with its saved policies", "[check]") {
  const SuiteFile suite(
      "{check: no_regression, policies: [popular]}, "
      "{check: golden_scores, policies: [popular, thompson]}",
      "seeds: 2, arms: [random, popular, thompson], baseline: base/");
  REQUIRE(suite.check({"--update"}).status == 0);
  CHECK(std::filesystem::exists(suite.folder.path("base/policies/popular/policy.yaml")));
  CHECK(std::filesystem::exists(suite.folder.path("base/results.json")));
  const Called again = suite.check();
  INFO(again.out << again.err);
  CHECK(again.status == 0);
  CHECK_THAT(again.out, Catch::Contains("pages, their propensities and"));
  suite.replace("type: popularity, objective: ctr", "type: popularity, objective: ptr");
  const Called changed = suite.check();
  CHECK(changed.status == 1);
  CHECK_THAT(changed.out, Catch::Contains("FAIL  golden_scores popular: ") &&
                              Catch::Contains("pass  golden_scores thompson"));
  REQUIRE(suite.check({"--update"}).status == 0);
  CHECK(suite.check().status == 0);
}

TEST_CASE("a baseline that cannot be one is refused before anything runs", "[check]") {
  const auto refused = [](const std::string& check, const std::string& baseline) {
    return why_suite_refused(check, "seeds: 3, arms: [random, popular], baseline: " + baseline);
  };
  CHECK_THAT(refused("{check: golden_scores, policies: [popular]}", "old/results.json"),
             Catch::Contains("golden_scores") && Catch::Contains("has no scores"));
  CHECK_THAT(refused("{check: no_regression, policies: [popular]}", "mine.json"),
             Catch::Contains("is neither a results.json nor the folder of a run"));
  const SuiteFile two(
      "{check: no_regression, policies: [popular]}]}\n  - {name: other, scenario: tiny.yaml, "
      "checks: [{check: no_regression, policies: [popular]}",
      "seeds: 3");
  two.folder.write("suite.yaml", "baseline: results.json\n" + bytes_of(two.file));
  CHECK_THROWS_WITH(load_suite(two.file), Catch::Contains("there are several cases"));
}

TEST_CASE("other seeds are other runs, compared with the stored ones", "[check]") {
  const SuiteFile suite(
      "{check: no_regression, policies: [popular]}, "
      "{check: golden_scores, policies: [popular]}");
  REQUIRE(suite.check({"--update"}).status == 0);
  const Called same = suite.check();
  const Called other = suite.check({"--seed", "100", "--out", suite.folder.path("kept")});
  CHECK_THAT(same.out, Catch::Contains("+0.00 % +/-"));
  CHECK_THAT(other.out, !Catch::Contains(" now: +0.00 % +/-"));
  CHECK_THAT(other.out, Catch::Contains("not compared: stored at seed 1, this is seed 100"));
  CHECK(std::filesystem::exists(suite.folder.path("kept/0/jobs")));
  CHECK(suite.check({"--out", suite.folder.path("kept")}).status == 2);
}

TEST_CASE("what a suite gets wrong is refused before anything runs", "[check]") {
  REQUIRE(why_suite_refused("{check: guardrail, policies: [popular]}").empty());
  using Catch::Contains;
  CHECK_THAT(why_suite_refused("{check: guardrial, policies: [popular]}"), Contains("guardrail"));
  CHECK_THAT(why_suite_refused("{policies: [popular]}"), Contains("'check' is missing"));
  CHECK_THAT(why_suite_refused("{check: lift}"), Contains("'policies' is missing"));
  CHECK_THAT(why_suite_refused("{check: lift, policies: [popular], margin: 0.1}"),
             Contains("margin"));
  CHECK_THAT(why_suite_refused("{check: lift, policies: [populr]}"),
             Contains("case 'tiny'") && Contains("did you mean 'popular'"));
  CHECK_THAT(why_suite_refused("{check: covers, policies: [popular], estimator: dr}"),
             Contains("unknown estimator 'dr'"));
  CHECK_THAT(why_suite_refused("{check: lift, policies: [popular], metric: dwell}"),
             Contains("unknown metric 'dwell'"));
  CHECK_THAT(why_suite_refused("{check: lift, policies: [popular]}", "seeds: 1"),
             Contains("seeds"));
  CHECK_THAT(why_suite_refused(""), Contains("checks"));
}

TEST_CASE("a lift fails without evidence, guardrails and regressions fail by evidence", "[check]") {
  const std::vector<double> runs{0.02, 0.03, 0.04, 0.03};
  SuiteCheck lift = check_of("lift");
  lift.at_least = 0.01;
  CHECK(Judged(runs, {}, lift).outcome().passed);
  lift.at_least = 0.025;  // the mean is above, the bound is not
  CHECK_FALSE(Judged(runs, {}, lift).outcome().passed);
  SuiteCheck guardrail = check_of("guardrail");
  guardrail.not_worse_than = 0.035;  // the mean is below, the bound is not
  CHECK(Judged(runs, {}, guardrail).outcome().passed);
  guardrail.not_worse_than = 0.06;
  CHECK_FALSE(Judged(runs, {}, guardrail).outcome().passed);
  SuiteCheck regression = check_of("no_regression");
  CHECK(Judged(runs, {0.03, 0.04, 0.03, 0.02}, regression).outcome().passed);
  const Outcome worse = Judged(runs, {0.10, 0.11, 0.10, 0.11}, regression).outcome();
  CHECK_FALSE(worse.passed);
  CHECK_THAT(worse.found, Catch::Contains("lift +10.50 % before, +3.00 % now: -7.50 %"));
  regression.margin = 0.08;
  CHECK(Judged(runs, {0.10, 0.11, 0.10, 0.11}, regression).outcome().passed);
  CHECK_THROWS_WITH(Judged(runs, {}, regression).outcome(), Catch::Contains("--update stores it"));
}

TEST_CASE("intervals that miss the live lift too often are no accident", "[check]") {
  const SuiteCheck covers = check_of("covers");
  CHECK(Judged({0.1, 0.1, 0.2, 0.1, 0.14}, {}, covers).outcome().passed);
  CHECK_FALSE(Judged({0.3, 0.2, 0.2, 0.1, 0.2}, {}, covers).outcome().passed);
  Judged few({0.1, 0.1}, {}, covers);
  few.suite.false_alarms = 0.001;
  CHECK_THROWS_WITH(few.outcome(), Catch::Contains("raise either"));
}

TEST_CASE("probabilities that do not sum to 1 are found, with the request", "[check]") {
  const RequestBatch requests = small::requests(20, Rng(3));
  const Schema schema = small::schema();
  const testing::FunctionPolicy broken([](Offsets offsets, std::vector<std::uint16_t> n) {
    testing::TabularSlates::Table table{{{0, 1, 2}, 0.5}, {{1, 0, 2}, 0.4}};
    for (const std::uint16_t positions : n)
      if (positions < 3)
        for (auto& [slate, p] : table) slate.resize(2);
    return std::make_unique<testing::TabularSlates>(std::move(offsets), std::move(n), table);
  });
  std::vector<std::uint32_t> full;
  for (std::uint32_t i = 0; i < requests.size(); ++i)
    if (requests.n_eligible(i) >= 3) full.push_back(i);
  CHECK(propensity_problem(*small::policy("{name: x, type: uniform}", schema), requests, Rng(1))
            .empty());
  CHECK_THAT(propensity_problem(broken, gather(requests, full), Rng(1)),
             Catch::Contains("request 0: the probabilities of slot 0 sum to 0.9"));
}

TEST_CASE("a stored baseline is read back as it was, and another file is refused", "[check]") {
  const TemporaryFolder folder;
  Baseline baseline;
  baseline.version = "1";
  baseline.cases["a"].first_seed = 7;
  baseline.cases["a"].lifts["p"]["ctr"] = {0.1, 1.0 / 3};
  baseline.cases["a"].golden["p"] = {{{"x", "y"}, {}}, {0.25, 1}, {{"w", {{1, 2}, {0.1, -2}}}}};
  save_baseline(folder.path("b.json"), baseline);
  const Baseline read = load_baseline(folder.path("b.json"));
  CHECK(read.cases.at("a").lifts == baseline.cases["a"].lifts);
  CHECK(read.cases.at("a").golden.at("p").pages == baseline.cases["a"].golden["p"].pages);
  CHECK(read.cases.at("a").golden.at("p").state.at("w").values == std::vector<double>{0.1, -2});
  save_baseline(folder.path("c.json"), read);
  CHECK(bytes_of(folder.path("b.json")) == bytes_of(folder.path("c.json")));
  folder.write("d.json", "{\"schema\": \"other\"}");
  CHECK_THROWS_WITH(load_baseline(folder.path("d.json")), Catch::Contains("d.json: schema"));
  folder.write("e.json", "{\"schema\": \"rehearsal.baseline/1\", \"version\": 3}");
  CHECK_THROWS_WITH(load_baseline(folder.path("e.json")),
                    Catch::Contains("no stored baseline") || Catch::Contains("is not a stored"));
}
