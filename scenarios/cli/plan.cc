#include "scenarios/plan.h"

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"

namespace rehearsal {

namespace {

struct PlanCommand {
  std::string file;
  ScenarioOptions scenario;
  PlanOptions options;
  bool json = false;
};

int make_plan(const PlanCommand& command) {
  const Scenario scenario = command.scenario.load(command.file);
  const std::unique_ptr<ProgressSink> progress = make_progress();
  PlanOptions options = command.options;
  options.progress = progress.get();
  const Plan made = plan(scenario, options);
  print(command.json ? to_json(made) : to_text(made));
  return 0;
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  auto command = std::make_shared<PlanCommand>();
  PlanOptions& options = command->options;
  CLI::App* sub = app.add_subcommand(
      "plan", "Pages and random share of a log that decide a given lift with a given power");
  sub->footer(
      example("  rehearsal plan scenarios/item_page.yaml --lift 0.0248 --policies thompson,linucb\n"
              "  rehearsal plan scenarios/item_page.yaml --exploration 0.05,0.5 --json"));
  sub->add_option("scenario", command->file, "A scenario file")->required();
  sub->add_option("--lift", options.lift,
                  "Relative lift of the gate's metric that must be told from its min_lift")
      ->capture_default_str()
      ->type_name("L");
  sub->add_option("--power", options.power, "Chance that such a lift is then seen")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 0.9999))
      ->type_name("P");
  sub->add_option("--policies", options.candidates,
                  "Candidates; all that the gate judges by default")
      ->delimiter(',')
      ->type_name("A,B");
  sub->add_option("--exploration", options.exploration, "Shares of random pages to try")
      ->capture_default_str()
      ->delimiter(',')
      ->type_name("S,S");
  sub->add_option("--pilot-pages", options.pilot_pages, "Pages of each simulated pilot log")
      ->capture_default_str()
      ->type_name("N");
  add_scenario_options(*sub, command->scenario);
  add_threads_option(*sub, options.threads);
  sub->add_flag("--json", command->json, "Print JSON instead of the table");
  sub->callback([command, &action] { action = [command] { return make_plan(*command); }; });
}

}  // namespace rehearsal
