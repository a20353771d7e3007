#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/distillation/run.h"
#include "scenarios/scenario.h"
#include "scenarios/setup.h"

namespace rehearsal {

namespace {

struct ValidateOptions {
  std::string file;
  ScenarioOptions scenario;
  bool resolved = false;
};

int validate_distillation(const ValidateOptions& options, const Tree& tree) {
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
  build(scenario);
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
              "  rehearsal validate scenarios/item_page.yaml --set log.pages=2000000 --resolved"));
  command->add_option("scenario", options->file, "A scenario file")->required();
  add_scenario_options(*command, options->scenario);
  command->add_flag("--resolved", options->resolved, "Print the scenario with every key");
  command->callback([options, &action] { action = [options] { return validate(*options); }; });
}

}  // namespace rehearsal
