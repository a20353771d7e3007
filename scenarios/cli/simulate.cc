#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/run.h"

namespace rehearsal {

namespace {

struct SimulateCommand {
  std::string file;
  ScenarioOptions scenario;
  std::string out;
  int threads = 0;
};

int simulate(const SimulateCommand& command) {
  const Scenario scenario = command.scenario.load(command.file);
  const Setup setup = build(scenario);
  make_empty_folder(command.out);
  const std::unique_ptr<ProgressSink> progress = make_progress();
  RunOptions options;
  options.threads = command.threads;
  options.progress = progress.get();
  const LogInfo log = simulate_step(scenario, setup, command.out, options);
  print(fmt::format("{}: {} pages and {} impressions by '{}' in {} shards\n", command.out,
                    log.n_rounds, log.n_impressions, log.behavior_policy, log.shards.size()));
  return 0;
}

}  // namespace

void add_simulate(CLI::App& app, Action& action) {
  auto command = std::make_shared<SimulateCommand>();
  CLI::App* sub = app.add_subcommand("simulate", "Write the log of a scenario and nothing else");
  sub->footer(
      example("  rehearsal simulate scenarios/item_page.yaml --out logs/item_page\n"
              "  rehearsal evaluate logs/item_page --policy random=uniform"));
  sub->add_option("scenario", command->file, "A scenario file")->required();
  sub->add_option("--out", command->out, "The log's folder: absent or empty")
      ->required()
      ->type_name("DIR");
  add_scenario_options(*sub, command->scenario);
  add_threads_option(*sub, command->threads);
  sub->callback([command, &action] { action = [command] { return simulate(*command); }; });
}

}  // namespace rehearsal
