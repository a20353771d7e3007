#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/distillation/run.h"
#include "scenarios/scenario.h"
#include "scenarios/setup.h"
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

int validate(const ValidateOptions& options) {
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
      app.add_subcommand("validate", "Check a scenario file without running anything");
  command->footer(
      example("  rehearsal validate scenarios/item_page.yaml\n"
              "  rehearsal validate scenarios/item_page.yaml --set log.pages=2000000 --resolved\n"
              "  rehearsal validate scenarios/item_page.yaml --inputs"));
  command->add_option("scenario", options->file, "A scenario file")->required();
  add_scenario_options(*command, options->scenario);
  command->add_flag("--resolved", options->resolved, "Print the scenario with every key");
  command->add_flag("--inputs", options->inputs,
                    "Print the names of what networks are given of a request, in order");
  command->callback([options, &action] { action = [options] { return validate(*options); }; });
}

}  // namespace rehearsal
