#include "scenarios/suite/suite.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "analysis/repeated_runs.h"
#include "scenarios/run.h"
#include "scenarios/suite/judge.h"
#include "sim/core/draws.h"
#include "sim/engine/parallel.h"
#include "tests/catch.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kSeeds = 1000;
constexpr std::size_t kRuns = 5;  // a side of a comparison

/// An empty folder, gone at the end.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("rehearsal_suite_" + std::to_string(getpid()));
  Folder() { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

Suite make_suite(const Folder& folder) {
  const std::filesystem::path file = folder.path / "suite.yaml";
  write_text_atomically(file,
                        "name: mini\ncases:\n"
                        "  - name: tiny\n    scenario: " +
                            kTiny +
                            "\n    arms: [random, popular]\n"
                            "    set: {log.pages: 1000, live.pages: 600, live.metrics: [ctr], "
                            "estimate.metrics: [ctr],\n"
                            "          estimate.estimators: [iips], estimate.interval: normal,\n"
                            "          gate.guardrails: {}}\n"
                            "    seeds: 5\n    checks:\n"
                            "      - {check: no_regression, policies: [random, popular]}\n"
                            "      - {check: guardrail, policies: [popular]}\n"
                            "      - {check: covers, policies: [random, popular]}\n");
  return load_suite(file.string());
}

/// One run's live lifts and estimates, without its folder.
Results run_once(const Scenario& scenario, const std::filesystem::path& log_folder) {
  Setup setup = build(scenario);
  RunOptions options;
  options.threads = 1;
  simulate_step(scenario, setup, log_folder, options);
  Results results;
  for (const PolicySpec& spec : scenario.policies) {
    results.policies.emplace_back();
    results.policies.back().name = spec.name;
  }
  {
    const LogReader log(log_folder);
    fit_step(scenario, setup, training_rounds(scenario, setup, log), options);
    estimate_step(scenario, setup, log, options, results.policies);
  }
  live_step(scenario, setup, options, results.policies);
  std::filesystem::remove_all(log_folder);
  return results;
}

double lift_of(const Results& run, const std::string& policy) {
  for (const PolicyResult& result : run.policies)
    if (result.name == policy) return result.lift.at("ctr").lift.value;
  FAIL("no policy " << policy);
  return 0;
}

/// A shuffle of 0 ... n - 1.
std::vector<std::size_t> shuffled(std::size_t n, std::uint32_t which) {
  std::vector<std::size_t> order(n);
  for (std::size_t i = 0; i < n; ++i) order[i] = i;
  Stream stream = Rng(5).stream(Draw::kBootstrap, Turn{UserId{which}, 0, 0});
  for (std::size_t i = n; i > 1; --i) std::swap(order[i - 1], order[index_below(stream(), i)]);
  return order;
}

}  // namespace

// A thousand real runs of one scenario, each with a log, training and users of its own, in groups
// of ten: five stored as the baseline, five to be checked. Ten shuffles of the thousand give a
// thousand such suites; a group's runs are always ten different seeds, so each suite has the law
// that it would have on its own.
TEST_CASE("a suite fails where nothing changed no more often than it says", "[.slow][check]") {
  const Folder folder;
  Suite suite = make_suite(folder);
  Study study = suite.cases[0].study;
  study.seeds.clear();
  for (std::size_t s = 1; s <= kSeeds; ++s) study.seeds.push_back(static_cast<std::int64_t>(s));
  const std::vector<StudyJob> jobs = jobs_of(study);  // a tree a job: threads share none
  std::vector<Results> pool(kSeeds);
  parallel_for(kSeeds, 0, [&](std::size_t s) {
    pool[s] = run_once(jobs[s].scenario, folder.path / ("log" + std::to_string(s)));
  });
  double mean = 0;
  for (const Results& run : pool) mean += lift_of(run, "popular") / kSeeds;
  // The hardest limit that is not broken: the true lift itself.
  suite.cases[0].checks[1].not_worse_than = mean;
  std::size_t n_suites = 0, n_failed = 0, n_found = 0;
  double smallest = 0;
  std::vector<std::pair<std::vector<double>, std::vector<double>>> sides;
  for (std::uint32_t shuffle = 0; shuffle < 10; ++shuffle) {
    const std::vector<std::size_t> order = shuffled(kSeeds, shuffle);
    for (std::size_t first = 0; first + 2 * kRuns <= kSeeds; first += 2 * kRuns) {
      CaseFacts before, now;
      for (std::size_t k = 0; k < kRuns; ++k) {
        before.runs.push_back(pool[order[first + k]]);
        now.runs.push_back(pool[order[first + kRuns + k]]);
      }
      const SuiteReport report = judge(suite, {now}, baseline_of(suite, {before}));
      ++n_suites;
      n_failed += report.n_failed() > 0 ? 1 : 0;
      sides.emplace_back(now.lifts("popular", "ctr"), before.lifts("popular", "ctr"));
      smallest += test_worse(sides.back().first, sides.back().second, 0,
                             suite.false_alarms / static_cast<double>(suite.n_tests()))
                      .smallest_found;
    }
  }
  const double n = static_cast<double>(n_suites);
  smallest /= n;
  // The loss that a suite says it finds with 80 % power, planted.
  for (auto& [now, before] : sides) {
    for (double& lift : now) lift -= smallest;
    n_found +=
        test_worse(now, before, 0, suite.false_alarms / static_cast<double>(suite.n_tests())).failed
            ? 1
            : 0;
  }
  const double rate = static_cast<double>(n_failed) / n;
  const double power = static_cast<double>(n_found) / n;
  WARN(n_suites << " suites, " << suite.n_tests() << " statistical checks each: " << 100 * rate
                << " % failed where nothing changed, " << 100 * suite.false_alarms
                << " % allowed; a loss of " << 100 * smallest << " points was found by "
                << 100 * power << " %");
  CHECK(n_suites == 1000);
  CHECK(rate <=
        suite.false_alarms + 2 * std::sqrt(suite.false_alarms * (1 - suite.false_alarms) / n));
  CHECK(power > 0.7);
  CHECK(power < 0.95);
}
