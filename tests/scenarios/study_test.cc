#include "scenarios/study.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "scenarios/study_tables.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;
namespace fs = std::filesystem;

namespace {

std::string study_text(const std::string& more) { return "name: mini\n" + more; }

/// A study beside a copy of the tiny scenario.
struct StudyFile {
  TemporaryFolder folder;
  std::string file;
  explicit StudyFile(const std::string& more) {
    folder.write("tiny.yaml", bytes_of(kTiny));
    file = folder.write("study.yaml", study_text("scenario: tiny.yaml\n" + more));
  }
};

std::string study_error(const std::string& more) {
  const StudyFile study(more);
  try {
    jobs_of(load_study(study.file));
  } catch (const Error& error) {
    CHECK(error.exit_status() == 2);
    return error.what();
  }
  FAIL("accepted: " << more);
  return "";
}

PolicyResult made_up(const std::string& name, double true_lift, double estimate, double half_width,
                     Verdict offline, Verdict live) {
  PolicyResult policy;
  policy.name = name;
  policy.judged = true;
  policy.live["ctr"] = {0.1 * (1 + true_lift), 0.001, true};
  policy.lift["ctr"].lift = {true_lift, true_lift, true_lift};
  Estimate one;
  one.estimator = "iips";
  one.metric = "ctr";
  one.value = 0.1 * (1 + estimate);
  one.low = one.value - 0.1 * half_width;
  one.high = one.value + 0.1 * half_width;
  one.lift = Interval{estimate, estimate - half_width, estimate + half_width};
  one.lift_standard_error = half_width / 2;
  policy.estimates = {one};
  policy.offline_verdict = offline;
  policy.live_verdict = live;
  return policy;
}

Results made_up(std::vector<PolicyResult> policies) {
  Results results;
  results.baseline = "base";
  results.policies = std::move(policies);
  return results;
}

}  // namespace

TEST_CASE("a study is every cell at every seed, with stable and distinct names") {
  const StudyFile file(
      "set: {log.pages: 100}\n"
      "grid: {live.pages: [50, 60], policies.logging.of: [{curated: 0.5, random: 0.5}, "
      "{curated: 0.9, random: 0.1}]}\nseeds: [4, 2, 9]\n");
  const Study study = load_study(file.file);
  const std::vector<StudyJob> jobs = jobs_of(study);
  REQUIRE(jobs.size() == 12);
  CHECK(jobs[0].scenario.log.pages == 100);
  CHECK(jobs[0].scenario.live.pages == 50);
  CHECK(jobs[11].scenario.live.pages == 60);
  CHECK(jobs[11].scenario.policies[2].plugin.node["of"]["curated"].Scalar() == "0.9");
  CHECK(jobs[4].seed == 2);
  CHECK(jobs[4].scenario.seed == 2);
  CHECK(jobs[4].scenario.world_seed == 2);
  CHECK(jobs[4].cell == 1);
  std::map<std::string, int> names;
  for (const StudyJob& job : jobs) ++names[job.name];
  CHECK(names.size() == 12);
  CHECK(jobs_of(study)[7].name == jobs[7].name);
  const StudyFile fixed("set: {world.seed: 3}\nseeds: 2\n");
  CHECK(jobs_of(load_study(fixed.file))[1].scenario.world_seed == 3);
  CHECK(jobs_of(load_study(fixed.file))[1].seed == 2);
}

TEST_CASE("arms keep the named policies and what they need") {
  const StudyFile file("arms: [oracle]\n");
  const std::vector<StudyJob> jobs = jobs_of(load_study(file.file));
  std::vector<std::string> names;
  for (const PolicySpec& policy : jobs[0].scenario.policies) names.push_back(policy.name);
  CHECK(names == std::vector<std::string>{"curated", "random", "logging", "oracle"});
}

TEST_CASE("what is wrong in a study is found before anything runs") {
  CHECK_THAT(study_error("grid: {log.pags: [1]}\n"), Catch::Contains("did you mean 'pages'?"));
  CHECK_THAT(study_error("grid: {log.pages: 3}\n"), Catch::Contains("expected a list"));
  CHECK_THAT(study_error("grid: {log.pages: [3, x]}\n"), Catch::Contains("log.pages=x"));
  CHECK_THAT(study_error("seeds: 0\n"), Catch::Contains("seeds"));
  CHECK_THAT(study_error("seeds: [1, 1]\n"), Catch::Contains("none twice"));
  CHECK_THAT(study_error("arms: [orcle]\n"), Catch::Contains("did you mean 'oracle'?"));
  CHECK_THAT(study_error("pairs: [[oracle, x]]\n"), Catch::Contains("pairs: unknown policy 'x'"));
  CHECK_THAT(study_error("pairs: [oracle]\n"), Catch::Contains("pairs[0]: expected two policies"));
  CHECK_THAT(study_error("sedes: 3\n"), Catch::Contains("did you mean 'seeds'?"));
}

TEST_CASE("the spread over seeds and its t, by hand") {
  const Spread spread = spread_of({1, 2, 6});
  CHECK(spread.mean == Approx(3));
  CHECK(spread.sd == Approx(std::sqrt(7.0)));
  CHECK(spread.t() == Approx(3 / std::sqrt(7.0 / 3)));
  CHECK(std::isnan(spread_of({1}).sd));
  CHECK(std::isnan(spread_of({}).mean));
}

TEST_CASE("a study's tables, by hand") {
  Study study;
  study.name = "hand";
  study.seeds = {1, 2};
  study.pairs = {{"a", "b"}, {"a", "base"}};
  const std::vector<StudyJob> jobs{{"x", 0, 1, {}}, {"y", 0, 2, {}}};
  const PolicyResult base = [] {
    PolicyResult policy = made_up("base", 0, 0, 0.01, Verdict::kHold, Verdict::kHold);
    policy.judged = false;
    policy.lift.clear();
    policy.estimates[0].lift.reset();
    return policy;
  }();
  const auto promote = Verdict::kPromote;
  const auto reject = Verdict::kReject;
  const auto hold = Verdict::kHold;
  const StudySummary summary =
      summarize(study, jobs,
                {made_up({base, made_up("a", 0.02, 0.03, 0.02, promote, promote),
                          made_up("b", 0.01, 0.05, 0.02, promote, reject)}),
                 made_up({base, made_up("a", 0.04, 0.03, 0.02, hold, promote),
                          made_up("b", 0.00, -0.01, 0.02, reject, reject)})});
  REQUIRE(summary.arms.size() == 2);
  CHECK(summary.arms[0].policy == "a");
  CHECK(summary.arms[0].lift.mean == Approx(0.03));
  CHECK(summary.arms[0].lift.sd == Approx(0.02 / std::sqrt(2.0)));
  REQUIRE(summary.pairs.size() == 2);
  CHECK(summary.pairs[0].difference.mean == Approx(0.025));
  CHECK(summary.pairs[1].difference.mean == Approx(0.03));
  REQUIRE(summary.coverage.size() == 4);
  const CoverageRow& all = summary.coverage[0];
  CHECK(all.policy.empty());
  CHECK(all.n_values == 6);
  CHECK(all.value_coverage == Approx(5.0 / 6));
  CHECK(all.n_lifts == 4);
  CHECK(all.lift_coverage == Approx(0.75));
  CHECK(all.lift_error.mean == Approx((0.01 + 0.04 - 0.01 - 0.01) / 4));
  CHECK(all.lift_standard_error == Approx(0.01));
  CHECK(summary.coverage[3].policy == "b");
  CHECK(summary.coverage[3].lift_coverage == Approx(0.5));
  REQUIRE(summary.gate.size() == 3);
  CHECK(summary.gate[0].promote == Approx(0.5));
  CHECK(summary.gate[0].wrong == Approx(0.5));
  CHECK(summary.gate[1].promote == Approx(0.5));
  CHECK(summary.gate[1].hold == Approx(0.5));
  CHECK(summary.gate[1].wrong == 0);
  CHECK(summary.gate[2].reject == Approx(0.5));
  CHECK(summary.gate[2].wrong == Approx(0.5));
}

TEST_CASE("a second call of a study runs nothing again and prints the same") {
  const StudyFile file(
      "grid: {log.pages: [600, 900]}\nset: {live.pages: 300}\nseeds: 2\n"
      "arms: [popular]\npairs: [[popular, random]]\n");
  const std::string out = file.folder.path("out");
  const std::vector<std::string> call{"study", file.file, "--out", out, "--threads", "2"};
  const Called first = call_program(call);
  INFO(first.err << first.out);
  REQUIRE(first.status == 0);
  std::map<std::string, fs::file_time_type> written;
  for (const auto& job : fs::directory_iterator(out + "/jobs")) {
    written[job.path()] = fs::last_write_time(job.path() / "results.json");
    CHECK(!fs::exists(job.path() / "log"));
  }
  CHECK(written.size() == 4);
  const std::string json = bytes_of(out + "/study.json");
  CHECK(nlohmann::json::parse(json).at("cells").size() == 2);
  // One job is cut: it alone runs again.
  fs::remove(fs::path(written.begin()->first) / "results.json");
  const Called second = call_program(call);
  REQUIRE(second.status == 0);
  CHECK(second.out == first.out);
  CHECK(bytes_of(out + "/study.json") == json);
  for (const auto& [job, time] : written)
    CHECK((fs::last_write_time(job + "/results.json") == time) == (job != written.begin()->first));
  const Called single = call_program(
      {"study", file.file, "--out", file.folder.path("single"), "--threads", "1", "--json"});
  CHECK(single.out == json);
  CHECK_THAT(bytes_of(out + "/arms.csv"), Catch::Contains("log.pages=600,popular,ctr,2,"));
  CHECK(call_program({"study", file.file, "--out", file.folder.path()}).status == 2);
}

TEST_CASE("decisions of a log against those of the exact truth, by hand") {
  Study study;
  study.seeds = {1, 2};
  study.sizes = {0.25, 1};
  Scenario scenario;
  scenario.log.pages = 1000;
  scenario.log.train_share = 0.2;
  scenario.estimate.estimators = {"iips"};
  scenario.gate.rule.correction = "none";
  const std::vector<StudyJob> jobs{{"x", 0, 1, scenario}, {"y", 0, 2, scenario}};
  const auto world = [](double first, double second, double half) {
    const auto hold = Verdict::kHold;  // verdicts that are given do not count
    return made_up({made_up("a", 0.02, first, half, hold, hold),
                    made_up("b", -0.01, second, half, hold, hold)});
  };
  // World 1: all open, then both right. World 2: both wrong, then a right and b open.
  const DecisionTables tables = decide_all(study, jobs,
                                           {{world(0.01, 0.01, 0.04), world(0.02, -0.02, 0.01)},
                                            {world(-0.05, 0.05, 0.04), world(0.02, 0.001, 0.01)}});
  REQUIRE(tables.decisions.size() == 2);
  const DecisionRow& small = tables.decisions[0];
  CHECK(small.pages == Approx(200));
  CHECK(small.n == 4);
  CHECK(small.right == 0);
  CHECK(small.hold == Approx(0.5));
  CHECK(small.wrong_promote == Approx(0.25));
  CHECK(small.wrong_reject == Approx(0.25));
  CHECK(small.regret == Approx((0.02 + 0.03) / 2));  // the baseline, and b in the place of a
  const DecisionRow& large = tables.decisions[1];
  CHECK(large.pages == Approx(800));
  CHECK(large.right == Approx(0.75));
  CHECK(large.hold == Approx(0.25));
  CHECK(large.regret == Approx(0).margin(1e-12));
  CHECK(large.two_errors(0.5) == Approx(0.5));
  REQUIRE(tables.pages.size() == 1);
  CHECK(std::isnan(tables.pages[0].found));
  // Strengths 0.02 / 0.005 and 0.01 / 0.005 at 800 pages: the mean of two normal tails is 0.8.
  const auto tail = [](double strength, double pages) {
    return 0.5 * std::erfc(-(strength * std::sqrt(pages / 800) - 1.959964) / std::sqrt(2.0));
  };
  const double pages = tables.pages[0].projected;
  CHECK(0.5 * (tail(4, pages) + tail(2, pages)) == Approx(0.8));
  CHECK(tables.pages[0].factor == Approx(1));
}

TEST_CASE("one log is judged at every size that a study names, and again at none") {
  const StudyFile file(
      "set: {log.pages: 2000, live.pages: 300, estimate.interval: normal}\narms: [popular]\n"
      "decisions: {sizes: [0.25, 1]}\nfull: {seeds: 2}\n");
  const std::string out = file.folder.path("out");
  const Called first = call_program({"study", file.file, "--out", out});
  INFO(first.err << first.out);
  REQUIRE(first.status == 0);
  CHECK_THAT(first.out, Catch::Contains("factor over iips"));
  CHECK_THAT(bytes_of(out + "/decisions.csv"), Catch::Contains("iips,300,2,"));
  const Study study = load_study(file.file);
  const std::vector<StudyJob> jobs = jobs_of(study);
  const std::vector<std::vector<Results>> results = results_by_size(study, jobs, out);
  REQUIRE(results.size() == 1);
  REQUIRE(results[0].size() == 2);
  const auto error = [&](std::size_t size) {
    return results[0][size].policies.at(1).estimates.at(0).standard_error;
  };
  CHECK(error(0) > 1.4 * error(1));  // a quarter of the users
  CHECK(!fs::exists(out + "/jobs/" + jobs[0].name + "/log"));
  const Called again = call_program({"study", file.file, "--out", out, "--threads", "1"});
  CHECK(again.out == first.out);
  CHECK(load_study(file.file, true).seeds == std::vector<std::int64_t>{1, 2});
  CHECK(call_program({"study", file.file, "--out", out, "--full"}).status == 0);
}

TEST_CASE("sizes of decisions are refused where they mean nothing") {
  CHECK_THAT(study_error("decisions: {sizes: [1, 0.5]}\n"), Catch::Contains("ascending"));
  CHECK_THAT(study_error("decisions: {sizes: [2]}\n"), Catch::Contains("[1e-06, 1]"));
  CHECK_THAT(study_error("decisions: {size: [1]}\n"), Catch::Contains("did you mean 'sizes'?"));
  const StudyFile file("seeds: 1\n");
  CHECK_THROWS_WITH(load_study(file.file, true), Catch::Contains("full: is missing"));
}
