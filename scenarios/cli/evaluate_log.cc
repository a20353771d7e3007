#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>

#include "analysis/page_behavior.h"
#include "analysis/segments.h"
#include "policies/policies.h"
#include "scenarios/action_log.h"
#include "scenarios/cli/commands.h"
#include "scenarios/cli/evaluate.h"
#include "scenarios/outcomes.h"
#include "scenarios/segment_table.h"
#include "sim/core/error.h"
#include "sim/core/version.h"

namespace rehearsal {

namespace {

namespace fs = std::filesystem;

/// "NAME=VALUE" of an option.
struct Named {
  std::string name;
  std::string value;
};

std::vector<Named> parse_named(const std::vector<std::string>& texts, const std::string& option) {
  std::vector<Named> parsed;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      throw Error(ErrorKind::kInput, fmt::format("{} {}: expected NAME=VALUE", option, text));
    parsed.push_back({text.substr(0, equals), text.substr(equals + 1)});
    for (std::size_t i = 0; i + 1 < parsed.size(); ++i)
      if (parsed[i].name == parsed.back().name)
        throw Error(ErrorKind::kInput,
                    fmt::format("{} {}: '{}' is given twice", option, text, parsed[i].name));
  }
  return parsed;
}

/// The index of a policy by name.
std::size_t index_of(const std::vector<Named>& policies, const std::string& name,
                     const std::string& option) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < policies.size(); ++i) {
    if (policies[i].name == name) return i;
    known.push_back(policies[i].name);
  }
  throw Error(ErrorKind::kInput, option + ": " + unknown_name("policy", name, known));
}

std::ptrdiff_t baseline_of(const EvaluateCommand& command, const std::vector<Named>& policies) {
  if (command.baseline.empty()) return -1;
  return static_cast<std::ptrdiff_t>(index_of(policies, command.baseline, "--baseline"));
}

/// What was found of each policy.
struct PolicyScores {
  std::vector<std::vector<Estimate>> estimates;
  std::vector<std::vector<SegmentEstimates>> segments;  // or empty
};

/// Of every action, or null. What else --behavior may be says where propensities come from.
std::unique_ptr<ActionTable> behavior_table(const EvaluateCommand& command,
                                            const ActionShape& shape) {
  if (command.behavior == "logged" || command.behavior == "estimated") return nullptr;
  if (command.how.selection != "pas_if")
    throw Error(
        ErrorKind::kInput,
        fmt::format("--behavior {}: is for --selection pas_if; expected logged or estimated",
                    command.behavior));
  return std::make_unique<ActionTable>(command.behavior == "uniform"
                                           ? ActionTable::uniform()
                                           : ActionTable(command.behavior, shape));
}

PolicyScores score_actions(const EvaluateCommand& command, const LogReader& reader,
                           const std::vector<Named>& policies) {
  if (command.sessions || !command.how.metrics.empty() || !command.segments.empty() ||
      !command.outcome.empty() || command.how.columns_of_row != 0)
    throw Error(ErrorKind::kInput,
                "--sessions, --metrics, --segments, --outcome, --columns-of-row: serve logs of "
                "pages; this one holds "
                "single recommendations, which are scored by clicks a round");
  const bool estimated = command.behavior == "estimated";
  const ActionSource log = source_of_actions(
      reader, estimated ? estimate_behavior(reader, command.how.threads) : nullptr);
  std::vector<ActionCandidate> candidates;
  for (const Named& policy : policies) {
    if (policy.value != "uniform" && fs::is_directory(policy.value))
      throw Error(
          ErrorKind::kInput,
          fmt::format("--policy {}={}: a saved policy orders modules; this log holds single "
                      "recommendations: give FILE.h5:DATASET or uniform",
                      policy.name, policy.value));
    candidates.push_back(
        {policy.name,
         policy.value == "uniform" ? ActionTable::uniform() : ActionTable(policy.value, log.shape),
         {}});
  }
  std::unique_ptr<ActionTable> q_hat;
  if (!command.q_hat.empty()) q_hat = std::make_unique<ActionTable>(command.q_hat, log.shape);
  for (const Named& expected : parse_named(command.q_hat_expected, "--q-hat-expected")) {
    ActionCandidate& candidate = candidates[index_of(policies, expected.name, "--q-hat-expected")];
    candidate.expected_q_hat.emplace(expected.value, log.shape);
    if (candidate.expected_q_hat->complete())
      throw Error(ErrorKind::kInput, expected.value + ": expected shape (n_rounds)");
  }
  const std::unique_ptr<ActionTable> behavior = behavior_table(command, log.shape);
  ActionEvaluation options{command.how};
  options.q_hat = q_hat.get();
  options.behavior = behavior.get();
  options.baseline = baseline_of(command, policies);
  options.estimated = estimated;
  options.rng = Rng(reader.info().seed);
  return {evaluate_actions(log, candidates, options), {}};
}

std::shared_ptr<Policy> page_policy(const Named& policy, const Schema& schema) {
  if (policy.value == "uniform") {
    YAML::Node node;
    node["name"] = policy.name;
    node["type"] = "uniform";
    return make_policy(node, {"--policy", policy.name}, {schema, Rng(0), nullptr, {}});
  }
  if (!fs::is_directory(policy.value))
    throw Error(ErrorKind::kInput,
                fmt::format("--policy {}={}: this log holds pages: expected uniform or the folder "
                            "of a saved policy",
                            policy.name, policy.value));
  return load_policy(policy.value, schema);
}

PolicyScores score_pages(const EvaluateCommand& command, const LogReader& reader,
                         const std::vector<Named>& policies) {
  if (!command.q_hat.empty() || !command.q_hat_expected.empty())
    throw Error(ErrorKind::kInput,
                "--q-hat: serves logs of single recommendations; on pages reward models are fitted "
                "to the log");
  if (command.behavior != "logged" && command.behavior != "estimated")
    throw Error(ErrorKind::kInput,
                fmt::format("--behavior {}: serves logs of single recommendations; expected logged "
                            "or estimated",
                            command.behavior));
  std::vector<std::shared_ptr<Policy>> made;
  std::vector<Candidate> candidates;
  for (const Named& policy : policies) {
    made.push_back(page_policy(policy, reader.schema()));
    candidates.push_back({policy.name, made.back().get()});
  }
  const std::unique_ptr<ProgressSink> progress = make_progress();
  EvaluateOptions options = command.how;
  const LogBatch first = reader.read(0, Columns{});
  if (options.metrics.empty()) {
    options.metrics = {"ctr"};
    if (!first.responses.purchase.empty()) options.metrics.push_back("ptr");
  }
  if (command.sessions) options.session_discount = command.discount;
  if (command.cdf_points) options.cdf_points = *command.cdf_points;
  if (!command.outcome.empty()) options.outcome = parse_outcome(command.outcome);
  options.progress = progress.get();
  const int baseline = static_cast<int>(baseline_of(command, policies));
  const Rng rng(reader.info().seed);
  const auto features = segment_features(reader.schema(), command.segments, "--segments");
  RoundSource rounds = source_of(reader);
  std::unique_ptr<Policy> behavior;
  if (command.behavior == "estimated") {
    behavior = estimate_page_behavior(rounds, rng, options.threads);
    rounds = with_propensities_of(*behavior, std::move(rounds));
  }
  PolicyScores scores{evaluate(rounds, reader.info(), candidates, nullptr, baseline, rng, options),
                      evaluate_segments(rounds, reader.info(), candidates, nullptr, baseline, rng,
                                        options, features)};
  for (std::vector<Estimate>& estimates : scores.estimates)
    for (Estimate& each : estimates)
      if (behavior)
        each.warnings.push_back(
            "propensities are estimated as those of one Plackett-Luce policy: the interval leaves "
            "out their error");
  return scores;
}

std::string table(const Results& results) {
  std::string text = fmt::format("{:<20} {:<8} {:<10} {:>12} {:>26} {:>10} {:>10}{}\n", "policy",
                                 "metric", "estimator", "value", "interval", "ess", "max weight",
                                 results.baseline.empty() ? "" : "   lift");
  std::string notes;
  for (const PolicyResult& policy : results.policies)
    for (const Estimate& e : policy.estimates) {
      text += fmt::format("{:<20} {:<8} {:<10} {:>12.6g} {:>26} {:>10.1f} {:>10.4g}", policy.name,
                          e.metric, e.estimator, e.value,
                          fmt::format("[{:.6g}, {:.6g}]", e.low, e.high), e.ess, e.max_weight);
      if (e.lift)
        text += fmt::format("   {:+.2f} % [{:+.2f}, {:+.2f}]", 100 * e.lift->value,
                            100 * e.lift->low, 100 * e.lift->high);
      text += "\n";
      if (e.choice)
        notes +=
            fmt::format("{}, {}, {}: {}\n", policy.name, e.metric, e.estimator, e.choice->reason);
      for (const std::string& warning : e.warnings)
        notes += fmt::format("{}, {}, {}: {}\n", policy.name, e.metric, e.estimator, warning);
    }
  const std::string segments = segment_table(results.policies, "", "");
  return text + (segments.empty() ? "" : "\n" + segments) + (notes.empty() ? "" : "\n" + notes);
}

}  // namespace

void write_results(const std::string& folder, const std::string& json) {
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(ErrorKind::kRuntime,
                fmt::format("{}: cannot create the folder: {}", folder, error.message()));
  write_text_atomically(fs::path(folder) / "results.json", json);
}

int evaluate_log(const EvaluateCommand& command) {
  if (command.policies.empty())
    throw Error(ErrorKind::kInput,
                "--policy NAME=uniform|DIR|FILE.h5:DATASET: at least one is needed to score a log");
  const std::vector<Named> policies = parse_named(command.policies, "--policy");
  const LogReader reader(command.log);
  if (command.discount != 1 && !command.sessions)
    throw Error(ErrorKind::kInput, "--discount: is of sessions: give --sessions");
  if (command.cdf_points && !command.sessions)
    throw Error(ErrorKind::kInput, "--cdf: is of sessions' returns: give --sessions");
  if (command.sessions && !command.segments.empty())
    throw Error(ErrorKind::kInput,
                "--segments: serves pages; those of one session may lie in several segments");
  const bool single = has_single_actions(reader);
  PolicyScores scores =
      single ? score_actions(command, reader, policies) : score_pages(command, reader, policies);
  const LogInfo& info = reader.info();
  Results results{info.name,          info.seed,
                  version(),          info.n_rounds,
                  info.n_impressions, info.behavior_policy,
                  command.baseline,   {}};
  for (std::size_t p = 0; p < policies.size(); ++p) {
    PolicyResult result;
    result.name = policies[p].name;
    result.type = policies[p].value == "uniform" ? "uniform" : "stored";
    result.estimates = std::move(scores.estimates[p]);
    if (!scores.segments.empty()) result.segments = std::move(scores.segments[p]);
    results.policies.push_back(std::move(result));
  }
  write_results(command.out, to_json(results));
  print(command.json ? to_json(results) : table(results));
  return 0;
}

}  // namespace rehearsal
