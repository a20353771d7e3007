#include "scenarios/replay.h"

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/run.h"
#include "sim/core/error.h"
#include "sim/core/version.h"

namespace rehearsal {

namespace {

struct ReplayCommand {
  std::string folder;
  std::uint32_t user = 0;
  std::vector<std::string> policies;
  bool json = false;
};

int replay_user(const ReplayCommand& command) {
  const RunFolder folder(command.folder);
  folder.require_whole();
  const Scenario scenario = load_scenario(folder.scenario().string());
  if (scenario.written_by != version())
    std::fprintf(stderr, "rehearsal: the run was made by version %s, this is %s\n",
                 scenario.written_by.c_str(), version().c_str());
  std::vector<std::string> known;
  for (const PolicySpec& policy : scenario.policies) known.push_back(policy.name);
  const std::vector<std::string>& names = command.policies.empty() ? known : command.policies;
  for (const std::string& name : names)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ErrorKind::kInput, "--policies: " + unknown_name("policy", name, known));
  Setup setup = build(scenario);
  load_step(scenario, setup, folder);
  const std::vector<Replay> replays = replay(scenario, setup, command.user, names);
  print(command.json ? to_json(replays, command.user) : to_text(replays, command.user));
  return 0;
}

}  // namespace

void add_replay(CLI::App& app, Action& action) {
  auto command = std::make_shared<ReplayCommand>();
  CLI::App* sub = app.add_subcommand(
      "replay", "Show one user's live pages under several policies, same noise, side by side");
  sub->footer(example("  rehearsal replay runs/item_page --user 17 --policies curated,dnn_click"));
  sub->add_option("run", command->folder, "A run's folder")->required();
  sub->add_option("--user", command->user, "The user, counted from 0")->required()->type_name("U");
  sub->add_option("--policies", command->policies, "Policies to compare (default: all)")
      ->delimiter(',')
      ->type_name("A,B")
      ->allow_extra_args(false);
  sub->add_flag("--json", command->json, "Print JSON");
  sub->callback([command, &action] { action = [command] { return replay_user(*command); }; });
}

}  // namespace rehearsal
