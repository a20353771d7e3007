#include "analysis/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>

#include "analysis/sessions.h"
#include "policies/policies.h"
#include "scenarios/action_log.h"
#include "scenarios/arrays/arrays.h"
#include "scenarios/cli/commands.h"
#include "sim/core/error.h"
#include "sim/core/version.h"

namespace rehearsal {

namespace {

namespace fs = std::filesystem;

struct EvaluateCommand {
  std::string log;
  std::vector<std::string> policies;
  std::string behavior = "logged";
  std::string q_hat;
  std::vector<std::string> q_hat_expected;
  std::vector<std::string> estimators;
  std::string baseline;
  std::string layout;
  std::string out;
  std::vector<std::string> metrics;
  double confidence = 0.95;
  bool sessions = false;
  double discount = 1;
  int threads = 0;
  bool json = false;
};

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

std::vector<std::vector<Estimate>> score_actions(const EvaluateCommand& command,
                                                 const LogReader& reader,
                                                 const std::vector<Named>& policies) {
  if (command.sessions || !command.metrics.empty())
    throw Error(ErrorKind::kInput,
                "--sessions, --metrics: serve logs of pages; this one holds single "
                "recommendations, which are scored by clicks a round");
  const bool estimated = command.behavior == "estimated";
  const ActionSource log =
      source_of_actions(reader, estimated ? estimate_behavior(reader, command.threads) : nullptr);
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
  ActionEvaluation options;
  options.estimators = command.estimators;
  options.q_hat = q_hat.get();
  options.baseline = baseline_of(command, policies);
  options.confidence = command.confidence;
  options.threads = command.threads;
  options.estimated = estimated;
  return evaluate_actions(log, candidates, options);
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

std::vector<std::vector<Estimate>> score_pages(const EvaluateCommand& command,
                                               const LogReader& reader,
                                               const std::vector<Named>& policies) {
  if (!command.q_hat.empty() || !command.q_hat_expected.empty())
    throw Error(ErrorKind::kInput,
                "--q-hat: serves logs of single recommendations; on pages reward models are fitted "
                "to the log");
  if (command.behavior != "logged")
    throw Error(ErrorKind::kInput,
                "--behavior estimated: serves logs of single recommendations; pages are scored by "
                "logged propensities");
  std::vector<std::shared_ptr<Policy>> made;
  std::vector<Candidate> candidates;
  for (const Named& policy : policies) {
    made.push_back(page_policy(policy, reader.schema()));
    candidates.push_back({policy.name, made.back().get()});
  }
  const std::unique_ptr<ProgressSink> progress = make_progress();
  EvaluateOptions options;
  const LogBatch first = reader.read(0, Columns{});
  options.metrics = command.metrics;
  if (options.metrics.empty()) {
    options.metrics = {"ctr"};
    if (!first.responses.purchase.empty()) options.metrics.push_back("ptr");
  }
  if (command.sessions) options.session_discount = command.discount;
  options.estimators = command.estimators;
  options.confidence = command.confidence;
  options.threads = command.threads;
  options.progress = progress.get();
  return evaluate(reader, candidates, nullptr, static_cast<int>(baseline_of(command, policies)),
                  Rng(reader.info().seed), options);
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
      for (const std::string& warning : e.warnings)
        notes += fmt::format("{}, {}, {}: {}\n", policy.name, e.metric, e.estimator, warning);
    }
  return text + (notes.empty() ? "" : "\n" + notes);
}

void write_results(const std::string& folder, const std::string& json) {
  if (folder.empty()) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    throw Error(ErrorKind::kRuntime,
                fmt::format("{}: cannot create the folder: {}", folder, error.message()));
  write_text_atomically(fs::path(folder) / "results.json", json);
}

std::string table(const std::vector<NamedCase>& cases) {
  std::string text =
      fmt::format("{:<24} {:<36} {:>12} {:>26}\n", "case", "estimator", "value", "interval");
  std::string notes;
  for (const NamedCase& each : cases) {
    for (const ArrayEstimate& e : each.result.estimates)
      text += fmt::format("{:<24} {:<36} {:>12.6g} {:>26}\n", each.name, e.key, e.value,
                          fmt::format("[{:.6g}, {:.6g}]", e.low, e.high));
    for (const std::string& warning : each.result.warnings)
      notes += fmt::format("{}: {}\n", each.name, warning);
  }
  return text + (notes.empty() ? "" : "\n" + notes);
}

/// Another tool's arrays: FILE.h5 --layout NAME.
int evaluate_file(const EvaluateCommand& command) {
  if (!command.policies.empty() || !command.q_hat.empty() || !command.q_hat_expected.empty() ||
      !command.baseline.empty() || command.behavior != "logged" || command.sessions ||
      !command.metrics.empty())
    throw Error(ErrorKind::kInput,
                "--layout: the arrays say what is judged; --policy, --behavior, --q-hat, "
                "--q-hat-expected, --baseline, --metrics and --sessions serve logs");
  ArrayOptions options;
  options.estimators = command.estimators;
  options.confidence = command.confidence;
  options.threads = command.threads;
  const std::vector<NamedCase> cases =
      evaluate_arrays(command.log, array_layouts().at(command.layout, "--layout"), options);
  const std::string json = arrays_to_json(cases);
  write_results(command.out, json);
  print(command.json ? json : table(cases));
  return 0;
}

int evaluate_log(const EvaluateCommand& command) {
  if (!command.layout.empty()) return evaluate_file(command);
  if (command.policies.empty())
    throw Error(ErrorKind::kInput,
                "--policy NAME=uniform|DIR|FILE.h5:DATASET: at least one is needed to score a log");
  const std::vector<Named> policies = parse_named(command.policies, "--policy");
  const LogReader reader(command.log);
  if (command.discount != 1 && !command.sessions)
    throw Error(ErrorKind::kInput, "--discount: is of sessions: give --sessions");
  const bool single = has_single_actions(reader);
  auto estimates =
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
    result.estimates = std::move(estimates[p]);
    results.policies.push_back(std::move(result));
  }
  write_results(command.out, to_json(results));
  print(command.json ? to_json(results) : table(results));
  return 0;
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  auto command = std::make_shared<EvaluateCommand>();
  CLI::App* sub = app.add_subcommand("evaluate", "Score policies off-policy from any log");
  sub->footer(
      example("  rehearsal evaluate runs/first --policy random=uniform --policy "
              "dnn=runs/first/policies/dnn\n"
              "  rehearsal evaluate logs/men --policy bts=reference.h5:men/action_dist_bts \\\n"
              "      --policy random=uniform --baseline random --q-hat reference.h5:men/q_tabular\n"
              "  rehearsal evaluate arrays.h5 --layout obp --out scores"));
  sub->add_option("log", command->log,
                  "A log folder, its log.h5, or a run folder; with --layout a file of arrays")
      ->required();
  sub->add_option("--layout", command->layout,
                  "Read another tool's arrays, one group a case: " +
                      fmt::format("{}", fmt::join(array_layouts().names(), ", ")))
      ->type_name("NAME");
  sub->add_option(
         "--policy", command->policies,
         "uniform; the folder of a saved policy (pages); or a stored distribution of shape "
         "(n_actions, n_positions), (n_rounds, n_actions[, n_positions]), or (n_rounds) of "
         "the logged actions (single recommendations); repeatable")
      ->type_name("NAME=uniform|DIR|FILE.h5:DATASET")
      ->allow_extra_args(false);
  sub->add_option("--behavior", command->behavior,
                  "Propensities: as logged, or estimated from the context by a cross-fitted "
                  "multinomial logistic regression (single recommendations)")
      ->check(CLI::IsMember({"logged", "estimated"}))
      ->type_name("logged|estimated");
  sub->add_option("--q-hat", command->q_hat,
                  "Expected reward of each action, in the shapes of a distribution")
      ->type_name("FILE.h5:DATASET");
  sub->add_option("--q-hat-expected", command->q_hat_expected,
                  "(n_rounds) the policy's expectation of q_hat, where --q-hat has only the logged "
                  "actions; repeatable")
      ->type_name("NAME=FILE.h5:DATASET")
      ->allow_extra_args(false);
  sub->add_option("--estimators", command->estimators,
                  "Names of 'rehearsal list estimators', a hyper-parameter after an underscore "
                  "(dr_clip_10); all that apply by default")
      ->delimiter(',')
      ->type_name("A,B,C");
  sub->add_option("--baseline", command->baseline, "The policy that lifts are relative to")
      ->type_name("NAME");
  sub->add_option("--metrics", command->metrics,
                  "Of pages; ctr, and ptr where purchases are recorded, by default")
      ->delimiter(',')
      ->type_name("A,B,C");
  sub->add_flag("--sessions", command->sessions,
                "Score the return of a user's session, where pages change users: by " +
                    fmt::format("{}", fmt::join(session_estimators().names(), ", ")));
  sub->add_option("--discount", command->discount,
                  "Of a session's pages: page t counts as its t-th power, t from 0")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("G");
  sub->add_option("--confidence", command->confidence, "Of the intervals")
      ->check(CLI::Range(0.5, 0.9999))
      ->type_name("P");
  sub->add_option("--threads", command->threads, "Threads, 0 for all; changes no result")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  sub->add_option("--out", command->out, "Writes results.json there")->type_name("DIR");
  sub->add_flag("--json", command->json, "Print results.json");
  sub->callback([command, &action] { action = [command] { return evaluate_log(*command); }; });
}

}  // namespace rehearsal
