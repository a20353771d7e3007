#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>

#include "analysis/page_behavior.h"
#include "analysis/segments.h"
#include "analysis/sessions.h"
#include "policies/policies.h"
#include "scenarios/action_log.h"
#include "scenarios/arrays/arrays.h"
#include "scenarios/cli/commands.h"
#include "scenarios/outcomes.h"
#include "scenarios/segment_table.h"
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
  std::vector<std::string> segments;
  std::string baseline;
  std::string outcome;
  std::string layout;
  std::string out;
  EvaluateOptions how;  // what single recommendations and pages share
  bool sessions = false;
  double discount = 1;
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
      !command.outcome.empty())
    throw Error(ErrorKind::kInput,
                "--sessions, --metrics, --segments, --outcome: serve logs of pages; this one holds "
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
  const EvaluateOptions plain;
  const EvaluateOptions& how = command.how;
  if (!command.policies.empty() || !command.q_hat.empty() || !command.q_hat_expected.empty() ||
      !command.baseline.empty() || command.behavior != "logged" || command.sessions ||
      command.discount != 1 || !how.metrics.empty() || !command.segments.empty() ||
      !command.outcome.empty())
    throw Error(ErrorKind::kInput,
                "--layout: the arrays say what is judged; --policy, --behavior, --q-hat, "
                "--q-hat-expected, --baseline, --metrics, --segments, --outcome, --sessions and "
                "--discount serve logs");
  if (how.interval != plain.interval || how.selection != plain.selection ||
      !how.reward_range.empty() || how.max_weight != plain.max_weight ||
      how.n_bootstrap != plain.n_bootstrap)
    throw Error(
        ErrorKind::kInput,
        "--layout: every case has the intervals and choices of its layout (docs/arrays.md); "
        "--interval, --bootstrap, --reward-range, --max-weight and --selection serve logs");
  ArrayOptions options;
  options.estimators = how.estimators;
  options.confidence = how.confidence;
  options.threads = how.threads;
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

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  auto command = std::make_shared<EvaluateCommand>();
  command->how.metrics.clear();  // none named: those that the log has
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
                  "Propensities as logged, or estimated from the context, cross-fitted: of single "
                  "recommendations by a multinomial logistic regression, of pages as those of a "
                  "Plackett-Luce policy. For --selection pas_if, of every action: uniform, or a "
                  "stored distribution")
      ->type_name("logged|estimated|uniform|FILE.h5:DATASET");
  sub->add_option("--q-hat", command->q_hat,
                  "Expected reward of each action, in the shapes of a distribution")
      ->type_name("FILE.h5:DATASET");
  sub->add_option("--q-hat-expected", command->q_hat_expected,
                  "(n_rounds) the policy's expectation of q_hat, where --q-hat has only the logged "
                  "actions; repeatable")
      ->type_name("NAME=FILE.h5:DATASET")
      ->allow_extra_args(false);
  sub->add_option("--outcome", command->outcome,
                  "The reward model of pages: a name of 'rehearsal list outcomes', folds of users, "
                  "and none, platt or isotonic")
      ->type_name("TYPE[:FOLDS[:CALIBRATE]]");
  sub->add_option("--estimators", command->how.estimators,
                  "Names of 'rehearsal list estimators', a hyper-parameter after an underscore "
                  "(dr_clip_10); dr_clip_auto chooses it, auto the estimator too, and says why; "
                  "all that apply by default")
      ->delimiter(',')
      ->type_name("A,B,C");
  sub->add_option("--selection", command->how.selection,
                  "How auto chooses: slope, slope_plus_plus, or pas_if (single recommendations; "
                  "minutes a policy)")
      ->type_name("RULE");
  sub->add_option("--interval", command->how.interval, "A name of 'rehearsal list intervals'")
      ->type_name("NAME");
  sub->add_option("--bootstrap", command->how.n_bootstrap, "Resamples of bootstrap intervals")
      ->check(CLI::Range(20, 100000))
      ->type_name("N");
  sub->add_option("--reward-range", command->how.reward_range,
                  "Of a round's reward, known beforehand: for intervals that are bounds")
      ->delimiter(',')
      ->expected(2)
      ->type_name("LOW,HIGH");
  sub->add_option("--max-weight", command->how.max_weight,
                  "Largest importance weight possible, known beforehand; likewise")
      ->check(CLI::NonNegativeNumber)
      ->type_name("W");
  sub->add_option("--segments", command->segments,
                  "Categories of a page log's context: scores for each of their levels as well")
      ->delimiter(',')
      ->type_name("A,B");
  sub->add_option("--baseline", command->baseline, "The policy that lifts are relative to")
      ->type_name("NAME");
  sub->add_option("--metrics", command->how.metrics,
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
  sub->add_option("--confidence", command->how.confidence, "Of the intervals")
      ->check(CLI::Range(0.5, 0.9999))
      ->type_name("P");
  sub->add_option("--threads", command->how.threads, "Threads, 0 for all; changes no result")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  sub->add_option("--out", command->out, "Writes results.json there")->type_name("DIR");
  sub->add_flag("--json", command->json, "Print results.json");
  sub->callback([command, &action] { action = [command] { return evaluate_log(*command); }; });
}

}  // namespace rehearsal
