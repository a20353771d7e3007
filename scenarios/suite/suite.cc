#include "scenarios/suite/suite.h"

#include <algorithm>
#include <limits>
#include <set>

#include "scenarios/yaml_tree.h"
#include "sim/core/error.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

SuiteCheck read_check(const YAML::Node& node, const Source& source) {
  check_mapping(node, source);
  SuiteCheck check;
  YAML::Node kind(YAML::NodeType::Map);
  if (node["check"].IsDefined()) kind["check"] = node["check"];
  std::vector<std::string> names;
  for (const CheckKind& known : check_kinds()) names.push_back(known.name);
  check.check = "";
  Fields().choice("check", check.check, names, "what is checked").read(kind, source);
  if (check.check.empty()) refuse_at(node, source, "the key 'check' is missing");
  check.fields().read(node, source, {"check"});
  if (check.policies.empty()) refuse_at(node, source, "the key 'policies' is missing");
  return check;
}

/// Seeds change log, training and users; the world stays, unless the suite says which.
void fix_world(Study& study) {
  const auto sets_seed = [](const auto& pair) {
    return pair.first == "world.seed" || pair.first == "world";
  };
  if (std::any_of(study.set.begin(), study.set.end(), sets_seed)) return;
  const Tree tree = load_tree(study.scenario);
  const YAML::Node world = tree.root["world"];
  if (world.IsMap() && world["seed"].IsDefined()) return;
  study.set.emplace_back("world.seed", YAML::Node(1));
}

SuiteCase read_case(const YAML::Node& node, const Source& source, const std::string& file,
                    std::int64_t first_seed) {
  SuiteCase one;
  std::int64_t n_seeds = 5;
  Study& study = one.study;
  Fields()
      .add("name", one.name, "what the case is called")
      .add("scenario", study.scenario, "the scenario file, relative to the suite")
      .add("seeds", n_seeds, 2, 10000, "runs, each with its own log, training and users")
      .add("arms", study.arms, "policies to keep; all when absent")
      .add("baseline", one.baseline,
           "file or folder of its own stored baseline, relative to the suite; '': the suite's")
      .read(node, source, {"set", "checks"});
  for (const char* key : {"name", "scenario"})
    if (!node[key].IsDefined()) refuse_at(node, source.child(key), "is missing");
  study.name = one.name;
  study.file = file;
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  study.scenario = (folder / study.scenario).string();
  if (!one.baseline.empty()) one.baseline = (folder / one.baseline).string();
  const YAML::Node set = node["set"];
  if (set.IsDefined()) {
    check_mapping(set, source.child("set"));
    for (const auto& pair : set) study.set.emplace_back(pair.first.Scalar(), pair.second);
  }
  fix_world(study);
  for (std::int64_t s = 0; s < n_seeds; ++s) study.seeds.push_back(first_seed + s);
  const Source at = source.child("checks");
  const YAML::Node checks = node["checks"];
  if (!checks.IsDefined() || !checks.IsSequence() || checks.size() == 0)
    refuse_at(node, at, "expected a list of checks, found " + seen(checks));
  for (std::size_t i = 0; i < checks.size(); ++i)
    one.checks.push_back(read_check(checks[i], at.child(i)));
  return one;
}

/// One run is the baseline of one case, and its results alone have no scores.
void check_baseline(const Suite& suite, const SuiteCase& one) {
  const std::string& path = one.baseline.empty() ? suite.baseline : one.baseline;
  const BaselineKind kind = baseline_kind(path);
  if (kind != BaselineKind::kSuite && one.baseline.empty() && suite.cases.size() > 1)
    throw Error(ErrorKind::kInput, suite.file + ": baseline: '" + path +
                                       "' is of one run, and there are several cases; give each "
                                       "case a `baseline` of its own");
  if (kind == BaselineKind::kSuite && !one.baseline.empty())
    throw Error(ErrorKind::kInput,
                suite.file + ": case '" + one.name + "': baseline: '" + path +
                    "' is neither a results.json nor the folder of a run; a case's own is");
  for (const SuiteCheck& check : one.checks)
    if (check.check == "golden_scores" && kind == BaselineKind::kResults)
      throw Error(ErrorKind::kInput, suite.file + ": case '" + one.name + "': golden_scores: '" +
                                         path +
                                         "' has no scores; name the folder of the run, which has "
                                         "its policies");
}

/// A policy or estimator that the scenario lacks is found before anything runs.
void check_names(const SuiteCase& one, const std::string& file) {
  const Scenario scenario = jobs_of(one.study).front().scenario;
  std::vector<std::string> known;
  for (const PolicySpec& policy : scenario.policies) known.push_back(policy.name);
  const auto require = [&](const std::string& kind, const std::string& name,
                           const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw Error(ErrorKind::kInput,
                  file + ": case '" + one.name + "': " + unknown_name(kind, name, names));
  };
  for (const SuiteCheck& check : one.checks) {
    for (const std::string& policy : check.policies) require("policy", policy, known);
    if (check.check == "covers") {
      require("estimator", check.estimator, scenario.estimate.estimators);
      require("metric", check.metric, scenario.estimate.metrics);
    }
    if (check_kind(check.check).statistical || check.check == "lift")
      require("metric", check.metric, scenario.live.metrics);
  }
}

}  // namespace

BaselineKind baseline_kind(const std::filesystem::path& path) {
  std::error_code ignored;
  if (path.filename() == "results.json") return BaselineKind::kResults;
  if (path.filename().empty() || std::filesystem::is_directory(path, ignored))
    return BaselineKind::kRun;
  return BaselineKind::kSuite;
}

const std::vector<CheckKind>& check_kinds() {
  static const std::vector<CheckKind> all{
      {"lift", "the live lift is at least x, established with confidence c", false},
      {"guardrail", "the live lift of a metric is not below y", true},
      {"no_regression", "the live lift is not below the stored baseline's", true},
      {"covers", "an estimator's interval holds the live lift as often as it says", true},
      {"propensities", "probabilities sum to 1 and are those of the pages shown", false},
      {"latency", "one request is scored and ordered in time", false},
      {"golden_scores", "pages, propensities and weights are the stored ones", false},
  };
  return all;
}

const CheckKind& check_kind(const std::string& name) {
  for (const CheckKind& kind : check_kinds())
    if (kind.name == name) return kind;
  REHEARSAL_CHECK(false);
}

Fields SuiteCheck::fields() {
  Fields all;
  all.add("policies", policies, "who is checked, each on its own");
  const bool of_metric = check_kind(check).statistical || check == "lift";
  if (of_metric) all.add("metric", metric, "the metric whose lift is looked at");
  if (check == "lift")
    all.add("at_least", at_least, -1, 1e3, "least lift over the scenario's baseline")
        .add("confidence", confidence, 0.5, 0.9999, "one-sided, with which that is established");
  if (check == "guardrail")
    all.add("not_worse_than", not_worse_than, -1, 1e3, "least acceptable lift");
  if (check == "no_regression") all.add("margin", margin, 0, 1, "lift that may be lost");
  if (check == "covers") all.add("estimator", estimator, "whose intervals");
  if (check == "latency")
    all.add("p99_ms", p99_ms, 1e-3, 1e5, "milliseconds that 99 % of requests keep, best of 3");
  if (check == "golden_scores")
    all.add("tolerance", tolerance, 0, 1, "relative, of propensities and learnt weights");
  return all;
}

std::size_t Suite::n_tests() const {
  std::size_t n = 0;
  for (const SuiteCase& one : cases)
    for (const SuiteCheck& check : one.checks)
      if (check_kind(check.check).statistical) n += check.policies.size();
  return n;
}

Suite load_suite(const std::string& file, std::int64_t first_seed) {
  const Tree tree = load_tree(file);
  Suite suite;
  suite.file = file;
  Fields()
      .add("name", suite.name, "what the suite is called")
      .add("baseline", suite.baseline,
           "file or folder of the stored baseline, relative to the suite")
      .add("false_alarms", suite.false_alarms, 1e-6, 0.4,
           "chance that statistical checks fail where nothing changed, all together")
      .read(tree.root, tree.source, {"cases"});
  if (suite.baseline.empty()) suite.baseline = suite.name + ".baseline.json";
  suite.baseline = (std::filesystem::path(file).parent_path() / suite.baseline).string();
  const YAML::Node cases = tree.root["cases"];
  const Source at = tree.source.child("cases");
  if (!cases.IsDefined() || !cases.IsSequence() || cases.size() == 0)
    refuse_at(tree.root, at, "expected a list of cases, found " + seen(cases));
  std::set<std::string> names;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    suite.cases.push_back(read_case(cases[i], at.child(i), file, first_seed));
    suite.cases.back().study.text = read_text(file);
    if (!names.insert(suite.cases.back().name).second)
      refuse_at(cases[i], at.child(i), "the name '" + suite.cases.back().name + "' is taken");
    check_names(suite.cases.back(), file);
  }
  for (const SuiteCase& one : suite.cases) check_baseline(suite, one);
  return suite;
}

}  // namespace rehearsal
