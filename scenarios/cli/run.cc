#include "scenarios/run.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/decision_table.h"
#include "scenarios/distillation/acceptance.h"
#include "scenarios/distillation/run.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

struct RunCommand {
  std::string file;
  ScenarioOptions scenario;
  std::string out;
  std::string gate;
  int threads = 0;
  bool force = false;
  bool json = false;
};

/// The policy of --gate must be one that the gate judges.
void check_gate_policy(const Scenario& scenario, const std::string& name) {
  std::vector<std::string> known;
  for (const PolicySpec& policy : scenario.policies)
    if (is_candidate(scenario, policy)) known.push_back(policy.name);
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw Error(ErrorKind::kInput, "--gate: " + unknown_name("candidate", name, known));
}

int gate_status(const Results& results, const std::string& name) {
  for (const PolicyResult& policy : results.policies) {
    if (policy.name != name || policy.offline_verdict == Verdict::kPromote) continue;
    std::fprintf(stderr, "rehearsal: the gate did not promote '%s': %s\n", name.c_str(),
                 policy.reason.c_str());
    return 1;
  }
  return 0;
}

RunFolder folder_of(const RunCommand& command, const std::string& name) {
  return make_run_folder(command.out.empty() ? "runs/" + name : command.out, command.force);
}

void print_results(const RunCommand& command, const RunFolder& folder, const std::string& table) {
  print(command.json ? read_text(folder.results())
                     : table + "\nAll of it stands in " + folder.path().string() + "\n");
}

int run_distillation(const RunCommand& command, const Tree& tree) {
  if (!command.gate.empty())
    throw Error(ErrorKind::kInput, "--gate: a scenario of distillation has no gate");
  const DistillationScenario scenario = parse_distillation(tree);
  check_distillation(scenario);
  const RunFolder folder = folder_of(command, scenario.name);
  const std::unique_ptr<ProgressSink> progress = make_progress();
  const Results results =
      rehearsal::run_distillation(scenario, folder, {command.threads, true, progress.get()});
  print_results(command, folder, arms_table({&results}) + "\n" + to_text(points_of({&results})));
  return 0;
}

int run(const RunCommand& command) {
  const Tree tree = command.scenario.tree(command.file);
  if (is_distillation(tree)) return run_distillation(command, tree);
  const Scenario scenario = parse_scenario(tree);
  if (!command.gate.empty()) check_gate_policy(scenario, command.gate);
  build(scenario);  // everything wrong with the scenario is found before the folder is made
  const RunFolder folder = folder_of(command, scenario.name);
  const std::unique_ptr<ProgressSink> progress = make_progress();
  RunOptions options;
  options.threads = command.threads;
  options.progress = progress.get();
  const Results results = run_scenario(scenario, folder, options);
  print_results(command, folder, decision_table(scenario, results));
  return command.gate.empty() ? 0 : gate_status(results, command.gate);
}

}  // namespace

void add_run(CLI::App& app, Action& action) {
  auto command = std::make_shared<RunCommand>();
  CLI::App* sub = app.add_subcommand(
      "run", "Simulate the log, train, score off-policy, go live, and say who may be promoted");
  sub->footer(
      example("  rehearsal run scenarios/item_page.yaml\n"
              "  rehearsal run scenarios/item_page.yaml --set log.pages=2e6 --out runs/big\n"
              "  rehearsal run scenarios/item_page.yaml --gate dnn_click || echo stop"));
  sub->add_option("scenario", command->file, "A scenario file")->required();
  sub->add_option("--out", command->out, "The run's folder (default: runs/NAME)")->type_name("DIR");
  add_scenario_options(*sub, command->scenario);
  add_threads_option(*sub, command->threads);
  sub->add_flag("--force", command->force, "Replace an earlier run in that folder");
  sub->add_option("--gate", command->gate, "Exit with 1 unless the log alone promotes this policy")
      ->type_name("POLICY");
  sub->add_flag("--json", command->json, "Print results.json instead of the table");
  sub->callback([command, &action] { action = [command] { return run(*command); }; });
}

}  // namespace rehearsal
