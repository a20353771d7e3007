#include "scenarios/suite/judge.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "analysis/repeated_runs.h"
#include "sim/core/error.h"
#include "sim/core/normal.h"

namespace rehearsal {

namespace {

constexpr double kPower = 0.8;

std::string percent(double share) { return fmt::format("{:+.2f} %", 100 * share); }

/// What one check of one policy works on.
struct Bench {
  const Suite& suite;
  const SuiteCase& one;
  const CaseFacts& facts;
  const CaseBaseline* stored;  // null: the baseline does not have this case
  double alpha;                // of one statistical check

  [[noreturn]] void lacks(const std::string& what) const {
    throw Error(ErrorKind::kInput,
                fmt::format("{}: case '{}': the stored baseline has no {}; --update stores it",
                            one.baseline.empty() ? suite.baseline : one.baseline, one.name, what));
  }
};

void judge_regression(const Bench& bench, const SuiteCheck& check, const std::string& policy,
                      Outcome& out) {
  const std::string what = fmt::format("lift of '{}' in '{}'", policy, check.metric);
  if (bench.stored == nullptr) bench.lacks(what);
  const auto found = bench.stored->lifts.find(policy);
  if (found == bench.stored->lifts.end() || found->second.count(check.metric) == 0)
    bench.lacks(what);
  const std::vector<double>& before = found->second.at(check.metric);
  if (before.empty()) bench.lacks(what);
  const std::vector<double> now = bench.facts.lifts(policy, check.metric);
  const RunsTest test = test_worse(now, before, check.margin, bench.alpha, kPower);
  out.passed = !test.failed;
  double mean = 0;
  for (const double lift : before) mean += lift / static_cast<double>(before.size());
  out.found = fmt::format(
      "lift {} before, {} now: {} +/- {:.2f}, at most {}; may lose {:.2f} %; finds a loss of "
      "{:.2f} %",
      percent(mean), percent(mean + test.value), percent(test.value), 100 * test.standard_error,
      percent(test.bound), 100 * check.margin, 100 * test.smallest_found);
}

void judge_guardrail(const Bench& bench, const SuiteCheck& check, const std::string& policy,
                     Outcome& out) {
  const RunsTest test = test_below(bench.facts.lifts(policy, check.metric), check.not_worse_than,
                                   bench.alpha, kPower);
  out.passed = !test.failed;
  out.found = fmt::format("lift {} +/- {:.2f}, at most {}; limit {}; finds a lift of {} or less",
                          percent(test.value), 100 * test.standard_error, percent(test.bound),
                          percent(check.not_worse_than),
                          percent(check.not_worse_than - test.smallest_found));
}

void judge_lift(const Bench& bench, const SuiteCheck& check, const std::string& policy,
                Outcome& out) {
  const std::vector<double> lifts = bench.facts.lifts(policy, check.metric);
  const RunsTest test = test_at_least(lifts, check.at_least, check.confidence, kPower);
  out.passed = !test.failed;
  const double chance = chance_to_fail(test, check.at_least, check.confidence);
  out.found = fmt::format(
      "lift {} +/- {:.2f}, at least {} with confidence {:g}; asked for {}; fails by chance {:.2g}; "
      "finds a loss of {:.2f} %",
      percent(test.value), 100 * test.standard_error, percent(test.bound), check.confidence,
      percent(check.at_least), chance, 100 * test.smallest_found);
}

const Estimate& estimate_of(const Results& run, const std::string& policy,
                            const SuiteCheck& check) {
  for (const PolicyResult& result : run.policies)
    if (result.name == policy)
      for (const Estimate& estimate : result.estimates)
        if (estimate.estimator == check.estimator && estimate.metric == check.metric &&
            estimate.lift)
          return estimate;
  throw Error(ErrorKind::kInput, fmt::format("'{}' has no estimated lift of '{}' by '{}'", policy,
                                             check.metric, check.estimator));
}

/// Whether the interval, widened by the live value's own error, holds the live lift.
bool covers(const Estimate& estimate, const LiveLift& live) {
  const double error = live.exact_paired_standard_error > 0 ? live.exact_paired_standard_error
                                                            : live.sampled_paired_standard_error;
  const double slack = normal_quantile(0.5 + estimate.confidence / 2) * error;
  const double truth = live.lift.value;
  const Interval& lift = *estimate.lift;
  return truth >= lift.value - std::hypot(lift.value - lift.low, slack) &&
         truth <= lift.value + std::hypot(lift.high - lift.value, slack);
}

/// The coverage that fails with the power asked for, when up to `most` covering runs fail.
double coverage_found(std::size_t most, std::size_t n) {
  double low = 0;
  double high = 1;
  for (int step = 0; step < 50; ++step) {
    const double middle = (low + high) / 2;
    (binomial_tail(most, n, middle) >= kPower ? low : high) = middle;
  }
  return low;
}

void judge_coverage(const Bench& bench, const SuiteCheck& check, const std::string& policy,
                    Outcome& out) {
  const std::size_t n = bench.facts.runs.size();
  std::size_t n_covering = 0;
  double confidence = 0.95;
  for (const Results& run : bench.facts.runs) {
    const Estimate& estimate = estimate_of(run, policy, check);
    confidence = estimate.confidence;
    for (const PolicyResult& result : run.policies)
      if (result.name == policy)
        n_covering += covers(estimate, result.lift.at(check.metric)) ? 1 : 0;
  }
  if (binomial_tail(0, n, confidence) > bench.alpha)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: case '{}': seeds: with {} seeds no coverage is too low to be an "
                            "accident at the suite's false_alarms; raise either",
                            bench.suite.file, bench.one.name, n));
  std::size_t most = 0;
  while (binomial_tail(most + 1, n, confidence) <= bench.alpha) ++most;
  out.passed = n_covering > most;
  out.found = fmt::format(
      "{} of {} {:g} % intervals hold the live lift; {} or fewer are no accident; finds a coverage "
      "of {:.0f} %",
      n_covering, n, 100 * confidence, most, 100 * coverage_found(most, n));
}

/// Collects differences, the first few in words.
class Differences {
 public:
  void add(const std::string& text) {
    constexpr std::size_t kShown = 5;
    if (++n_ <= kShown) text_ += "    " + text + "\n";
  }
  std::size_t size() const { return n_; }
  std::string text() const {
    return n_ > 5 ? fmt::format("{}    and {} more\n", text_, n_ - 5) : text_;
  }

 private:
  std::size_t n_ = 0;
  std::string text_;
};

bool close(double now, double before, double tolerance) {
  return now == before || std::abs(now - before) <= tolerance * (1 + std::abs(before));
}

void compare_states(const Arrays& now, const Arrays& before, double tolerance, Differences& all) {
  for (const auto& [name, array] : before)
    if (now.count(name) == 0) all.add(name + ": is gone");
  for (const auto& [name, array] : now) {
    const auto found = before.find(name);
    if (found == before.end()) {
      all.add(name + ": is new");
    } else if (found->second.shape != array.shape) {
      all.add(fmt::format("{}: shape ({}) before, ({}) now", name,
                          fmt::join(found->second.shape, ", "), fmt::join(array.shape, ", ")));
    } else {
      for (std::size_t k = 0; k < array.values.size(); ++k)
        if (!close(array.values[k], found->second.values[k], tolerance))
          all.add(fmt::format("{}[{}]: {:.9g} before, {:.9g} now", name, k, found->second.values[k],
                              array.values[k]));
    }
  }
}

void judge_golden(const Bench& bench, const SuiteCheck& check, const std::string& policy,
                  Outcome& out) {
  if (bench.stored == nullptr || bench.stored->golden.count(policy) == 0)
    bench.lacks("golden scores of '" + policy + "'");
  const std::int64_t seed = bench.one.study.seeds.front();
  if (seed != bench.stored->first_seed) {
    out.found = fmt::format("not compared: stored at seed {}, this is seed {}",
                            bench.stored->first_seed, seed);
    return;
  }
  const Golden& before = bench.stored->golden.at(policy);
  const Golden& now = bench.facts.golden.at(policy);
  Differences all;
  if (now.pages.size() != before.pages.size())
    all.add(fmt::format("{} requests before, {} now", before.pages.size(), now.pages.size()));
  for (std::size_t i = 0; i < std::min(now.pages.size(), before.pages.size()); ++i) {
    if (now.pages[i] != before.pages[i])
      all.add(fmt::format("request {}: [{}] before, [{}] now", i, fmt::join(before.pages[i], ", "),
                          fmt::join(now.pages[i], ", ")));
    else if (!close(now.pscore[i], before.pscore[i], check.tolerance))
      all.add(fmt::format("request {}: pscore {:.9g} before, {:.9g} now", i, before.pscore[i],
                          now.pscore[i]));
  }
  compare_states(now.state, before.state, check.tolerance, all);
  out.passed = all.size() == 0;
  out.detail = all.text();
  out.found = out.passed
                  ? fmt::format("{} pages, their propensities and {} learnt arrays as stored",
                                now.pages.size(), now.state.size())
                  : fmt::format("{} differences from what is stored", all.size());
}

Outcome judge_check(const Bench& bench, const SuiteCheck& check, const std::string& policy) {
  Outcome out;
  out.case_name = bench.one.name;
  out.name = check.check + " " + policy;
  const bool of_metric = check_kind(check.check).statistical || check.check == "lift";
  if (of_metric) out.name += " " + check.metric;
  if (check.check == "covers") out.name += " " + check.estimator;
  if (check.check == "no_regression") judge_regression(bench, check, policy, out);
  if (check.check == "guardrail") judge_guardrail(bench, check, policy, out);
  if (check.check == "lift") judge_lift(bench, check, policy, out);
  if (check.check == "covers") judge_coverage(bench, check, policy, out);
  if (check.check == "golden_scores") judge_golden(bench, check, policy, out);
  if (check.check == "propensities") {
    const std::string& problem = bench.facts.propensity_problem.at(policy);
    out.passed = problem.empty();
    out.found = problem.empty() ? "they sum to 1 and are those of the pages shown" : problem;
  }
  if (check.check == "latency") {
    const double p99_ms = 1e3 * bench.facts.p99_seconds.at(policy);
    out.passed = p99_ms <= check.p99_ms;
    out.found = fmt::format("p99 {:.3g} ms a request, limit {:g} ms", p99_ms, check.p99_ms);
  }
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\n')
      out += "&#10;";
    else
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out;
}

}  // namespace

std::size_t SuiteReport::n_failed() const {
  return static_cast<std::size_t>(std::count_if(outcomes.begin(), outcomes.end(),
                                                [](const Outcome& one) { return !one.passed; }));
}

SuiteReport judge(const Suite& suite, const std::vector<CaseFacts>& facts,
                  const Baseline& baseline) {
  SuiteReport report{suite.name, suite.false_alarms, suite.n_tests(), {}};
  const double alpha =
      suite.false_alarms / static_cast<double>(std::max<std::size_t>(report.n_tests, 1));
  for (std::size_t c = 0; c < suite.cases.size(); ++c) {
    const SuiteCase& one = suite.cases[c];
    const auto stored = baseline.cases.find(one.name);
    const Bench bench{suite, one, facts[c],
                      stored == baseline.cases.end() ? nullptr : &stored->second, alpha};
    for (const SuiteCheck& check : one.checks)
      for (const std::string& policy : check.policies)
        report.outcomes.push_back(judge_check(bench, check, policy));
  }
  return report;
}

std::string to_text(const SuiteReport& report) {
  std::string text;
  std::string last;
  for (const Outcome& one : report.outcomes) {
    if (one.case_name != last) text += one.case_name + "\n";
    last = one.case_name;
    text += fmt::format("  {}  {}: {}\n{}", one.passed ? "pass" : "FAIL", one.name, one.found,
                        one.detail);
  }
  text += fmt::format("{}: {} of {} checks passed", report.name,
                      report.outcomes.size() - report.n_failed(), report.outcomes.size());
  if (report.n_tests > 0)
    text += fmt::format(
        "; where nothing changed, {:g} % of suites fail one of the {} statistical checks at most\n"
        "'finds': the smallest change that fails with 80 % power",
        100 * report.false_alarms, report.n_tests);
  return text + "\n";
}

std::string to_junit(const SuiteReport& report) {
  std::string text = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{}\" "
      "failures=\"{}\">\n",
      escaped(report.name), report.outcomes.size(), report.n_failed());
  for (std::size_t first = 0; first < report.outcomes.size();) {
    const std::string& name = report.outcomes[first].case_name;
    std::size_t last = first;
    std::size_t n_failed = 0;
    std::string cases;
    for (; last < report.outcomes.size() && report.outcomes[last].case_name == name; ++last) {
      const Outcome& one = report.outcomes[last];
      n_failed += one.passed ? 0 : 1;
      cases += fmt::format("    <testcase classname=\"{}.{}\" name=\"{}\">\n", escaped(report.name),
                           escaped(name), escaped(one.name));
      cases += one.passed ? "      <system-out>" + escaped(one.found) + "</system-out>\n"
                          : fmt::format("      <failure message=\"{}\">{}</failure>\n",
                                        escaped(one.found), escaped(one.detail));
      cases += "    </testcase>\n";
    }
    text +=
        fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n{}  </testsuite>\n",
                    escaped(name), last - first, n_failed, cases);
    first = last;
  }
  return text + "</testsuites>\n";
}

}  // namespace rehearsal
