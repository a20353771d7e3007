#include "scenarios/suite/baseline.h"

#include <nlohmann/json.hpp>

#include "scenarios/run_folder.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kBaselineSchema = "rehearsal.baseline/1";

Json to_json(const Golden& golden) {
  Json state = Json::object();
  for (const auto& [name, array] : golden.state)
    state[name] = {{"shape", array.shape}, {"values", array.values}};
  return {{"pages", golden.pages}, {"pscore", golden.pscore}, {"state", state}};
}

Golden golden_from(const Json& json) {
  Golden golden;
  json.at("pages").get_to(golden.pages);
  json.at("pscore").get_to(golden.pscore);
  for (const auto& item : json.at("state").items())
    golden.state[item.key()] = {item.value().at("shape").get<std::vector<std::size_t>>(),
                                item.value().at("values").get<std::vector<double>>()};
  return golden;
}

Json to_json(const CaseBaseline& one) {
  Json golden = Json::object();
  for (const auto& [policy, found] : one.golden) golden[policy] = to_json(found);
  return {{"first_seed", one.first_seed}, {"lifts", one.lifts}, {"golden", golden}};
}

CaseBaseline case_from(const Json& json) {
  CaseBaseline one;
  json.at("first_seed").get_to(one.first_seed);
  for (const auto& policy : json.at("lifts").items())
    for (const auto& metric : policy.value().items())
      one.lifts[policy.key()][metric.key()] = metric.value().get<std::vector<double>>();
  for (const auto& policy : json.at("golden").items())
    one.golden[policy.key()] = golden_from(policy.value());
  return one;
}

/// The live lifts of one run.
CaseBaseline of_results(const std::filesystem::path& file) {
  std::error_code problem;
  if (!std::filesystem::exists(file, problem))
    throw Error(ErrorKind::kInput,
                file.string() + ": there is no stored baseline yet; --update writes it");
  const Results results = from_json(read_text(file), file.string());
  CaseBaseline one;
  one.first_seed = static_cast<std::int64_t>(results.seed);
  for (const PolicyResult& policy : results.policies)
    for (const auto& [metric, lift] : policy.lift)
      one.lifts[policy.name][metric] = {lift.lift.value};
  return one;
}

void copy_all(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code problem;
  std::filesystem::copy(
      from, to,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing,
      problem);
  if (problem)
    throw Error(ErrorKind::kRuntime, to.string() + ": cannot be written: " + problem.message());
}

const std::string& path_of(const Suite& suite, const SuiteCase& one) {
  return one.baseline.empty() ? suite.baseline : one.baseline;
}

}  // namespace

Baseline load_baselines(const Suite& suite) {
  Baseline baseline;
  for (const SuiteCase& one : suite.cases)
    if (baseline_kind(path_of(suite, one)) == BaselineKind::kSuite) {
      baseline = load_baseline(suite.baseline);
      break;
    }
  for (const SuiteCase& one : suite.cases) {
    const std::filesystem::path path = path_of(suite, one);
    if (baseline_kind(path) == BaselineKind::kResults) baseline.cases[one.name] = of_results(path);
    if (baseline_kind(path) != BaselineKind::kRun) continue;
    const RunFolder run(path);
    baseline.cases[one.name] = of_results(run.results());
    baseline.cases[one.name].golden = golden_of_run(one, path);
  }
  return baseline;
}

void save_baselines(const Suite& suite, const std::vector<CaseFacts>& facts) {
  Suite of_file = suite;  // the cases that are stored in the suite's own file
  std::vector<CaseFacts> their_facts;
  of_file.cases.clear();
  for (std::size_t c = 0; c < suite.cases.size(); ++c) {
    const std::filesystem::path path = path_of(suite, suite.cases[c]);
    const RunFolder first(facts[c].first_run);
    switch (baseline_kind(path)) {
      case BaselineKind::kSuite:
        of_file.cases.push_back(suite.cases[c]);
        their_facts.push_back(facts[c]);
        break;
      case BaselineKind::kResults:
        write_text_atomically(path, read_text(first.results()));
        break;
      case BaselineKind::kRun: {
        const RunFolder run = make_run_folder(path, true);
        copy_all(first.scenario(), run.scenario());
        copy_all(first.policies(), run.policies());
        copy_all(first.results(), run.results());  // last: without it, it is no whole run
        break;
      }
    }
  }
  if (!of_file.cases.empty()) save_baseline(suite.baseline, baseline_of(of_file, their_facts));
}

Baseline baseline_of(const Suite& suite, const std::vector<CaseFacts>& facts) {
  Baseline baseline;
  baseline.version = version();
  for (std::size_t c = 0; c < suite.cases.size(); ++c) {
    CaseBaseline& one = baseline.cases[suite.cases[c].name];
    one.first_seed = suite.cases[c].study.seeds.front();
    one.golden = facts[c].golden;
    for (const SuiteCheck& check : suite.cases[c].checks)
      for (const std::string& policy : check.policies)
        if (check.check == "no_regression")
          one.lifts[policy][check.metric] = facts[c].lifts(policy, check.metric);
  }
  return baseline;
}

void save_baseline(const std::filesystem::path& file, const Baseline& baseline) {
  Json cases = Json::object();
  for (const auto& [name, one] : baseline.cases) cases[name] = to_json(one);
  const Json json{{"schema", kBaselineSchema}, {"version", baseline.version}, {"cases", cases}};
  write_text_atomically(file, json.dump(1) + "\n");
}

Baseline load_baseline(const std::filesystem::path& file) {
  std::error_code problem;
  if (!std::filesystem::exists(file, problem))
    throw Error(ErrorKind::kInput,
                file.string() + ": there is no stored baseline yet; --update writes it");
  const std::string text = read_text(file);
  try {
    const Json json = Json::parse(text);
    if (json.at("schema") != kBaselineSchema)
      throw Error(ErrorKind::kInput,
                  file.string() + ": schema: is not '" + std::string(kBaselineSchema) + "'");
    Baseline baseline;
    json.at("version").get_to(baseline.version);
    for (const auto& item : json.at("cases").items())
      baseline.cases[item.key()] = case_from(item.value());
    return baseline;
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorKind::kInput, file.string() + ": is not a stored baseline: " + error.what());
  }
}

}  // namespace rehearsal
