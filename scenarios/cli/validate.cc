#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/distillation/run.h"
#include "scenarios/literature/literature_study.h"
#include "scenarios/scenario.h"
#include "scenarios/setup.h"
#include "scenarios/suite/suite.h"
#include "sim/core/error.h"
#include "sim/encoder.h"

namespace rehearsal {

namespace {

struct ValidateOptions {
  std::string file;
  ScenarioOptions scenario;
  bool resolved = false;
  bool inputs = false;
};

int validate_distillation(const ValidateOptions& options, const Tree& tree) {
  if (options.inputs)
    throw Error(ErrorKind::kInput, options.file +
                                       ": --inputs is for a scenario of one world; this one is of "
                                       "distillation");
  const DistillationScenario scenario = parse_distillation(tree);
  check_distillation(scenario);
  print(options.resolved
            ? to_yaml(scenario)
            : options.file + ": a valid scenario of distillation, '" + scenario.name + "', with " +
                  std::to_string(scenario.students.size()) + " students\n");
  return 0;
}

/// Builds what a study would run: every cell at its first seed.
std::size_t check_jobs(const Study& study, const std::vector<std::string>& assignments) {
  const std::vector<StudyJob> jobs = jobs_of(study, assignments);
  for (std::size_t j = 0; j < jobs.size(); ++j) {
    if (j > 0 && jobs[j].cell == jobs[j - 1].cell) continue;
    if (jobs[j].distillation != nullptr)
      check_distillation(*jobs[j].distillation);
    else
      build(jobs[j].scenario);
  }
  return jobs.size();
}

/// A file whose scenarios stand in other files. Returns: what it is; "" for a scenario.
std::string validate_others(const ValidateOptions& options, const YAML::Node& root) {
  const std::vector<std::string>& assignments = options.scenario.assignments;
  if (root["benchmark"].IsDefined())
    return "a valid benchmark, '" + load_literature_study(options.file, false, assignments).name +
           "'";
  if (root["cases"].IsDefined()) {
    if (!assignments.empty())
      throw Error(ErrorKind::kInput, options.file + ": a suite takes no --set");
    const Suite suite = load_suite(options.file);
    for (const SuiteCase& one : suite.cases) check_jobs(one.study, {});
    return "a valid suite, '" + suite.name + "', with " + std::to_string(suite.cases.size()) +
           " cases";
  }
  if (!root["scenario"].IsDefined()) return "";
  const Study study = load_study(options.file);
  const std::size_t jobs = check_jobs(study, assignments);
  return "a valid study, '" + study.name + "', with " + std::to_string(jobs) + " jobs";
}

int validate(const ValidateOptions& options) {
  if (const Tree file = load_tree(options.file); file.root.IsMap()) {
    const std::string what = validate_others(options, file.root);
    if (!what.empty()) {
      if (options.resolved || options.inputs || !options.scenario.seed.empty())
        throw Error(
            ErrorKind::kInput,
            options.file + ": --resolved, --inputs and --seed are for scenarios; this is " + what);
      print(options.file + ": " + what + "\n");
      return 0;
    }
  }
  const Tree tree = options.scenario.tree(options.file);
  if (is_distillation(tree)) return validate_distillation(options, tree);
  const Scenario scenario = parse_scenario(tree);
  const Setup setup = build(scenario);
  if (options.inputs) {
    const Encoder encoder(setup.world->schema());
    std::string names;
    for (const std::string& name : encoder.names()) names += name + "\n";
    print(names);
    return 0;
  }
  print(options.resolved ? to_yaml(scenario)
                         : options.file + ": a valid scenario, '" + scenario.name + "', with " +
                               std::to_string(scenario.policies.size()) + " policies\n");
  return 0;
}

}  // namespace

void add_validate(CLI::App& app, Action& action) {
  auto options = std::make_shared<ValidateOptions>();
  CLI::App* command =
      app.add_subcommand("validate",
                         "Check a scenario, study, benchmark or suite file without running "
                         "anything");
  command->footer(
      example("  rehearsal validate scenarios/item_page.yaml\n"
              "  rehearsal validate scenarios/item_page.yaml --set log.pages=2000000 --resolved\n"
              "  rehearsal validate scenarios/item_page.yaml --inputs\n"
              "  rehearsal validate scenarios/studies/item_page_worlds.yaml"));
  command->add_option("scenario", options->file, "A file")->required();
  add_scenario_options(*command, options->scenario);
  command->add_flag("--resolved", options->resolved, "Print the scenario with every key");
  command->add_flag("--inputs", options->inputs,
                    "Print the names of what networks are given of a request, in order");
  command->callback([options, &action] { action = [options] { return validate(*options); }; });
}

}  // namespace rehearsal
