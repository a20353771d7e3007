#include "scenarios/study.h"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "scenarios/study_tables.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
namespace fs = std::filesystem;

namespace {

const std::string kTiny = std::string(REHEARSAL_SOURCE_DIR) + "/tests/scenarios/tiny.yaml";

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

std::string error_of(const std::string& more) {
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
  CHECK_THAT(error_of("grid: {log.pags: [1]}\n"), Catch::Contains("did you mean 'pages'?"));
  CHECK_THAT(error_of("grid: {log.pages: 3}\n"), Catch::Contains("expected a list"));
  CHECK_THAT(error_of("grid: {log.pages: [3, x]}\n"), Catch::Contains("log.pages=x"));
  CHECK_THAT(error_of("seeds: 0\n"), Catch::Contains("seeds"));
  CHECK_THAT(error_of("seeds: [1, 1]\n"), Catch::Contains("none twice"));
  CHECK_THAT(error_of("arms: [orcle]\n"), Catch::Contains("did you mean 'oracle'?"));
  CHECK_THAT(error_of("pairs: [[oracle, x]]\n"), Catch::Contains("pairs: unknown policy 'x'"));
  CHECK_THAT(error_of("pairs: [oracle]\n"), Catch::Contains("pairs[0]: expected two policies"));
  CHECK_THAT(error_of("sedes: 3\n"), Catch::Contains("did you mean 'seeds'?"));
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
