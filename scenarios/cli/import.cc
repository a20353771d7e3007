#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/import/obd.h"

namespace rehearsal {

namespace {

struct ImportObd {
  std::string source;
  std::string campaign;
  std::string out;
};

int import_obd_log(const ImportObd& command) {
  const LogInfo info = import_obd(command.source, command.campaign, command.out);
  print(fmt::format("{}: {} impressions of {} by '{}' in {} shards\n", command.out,
                    info.n_impressions, info.name, info.behavior_policy, info.shards.size()));
  return 0;
}

}  // namespace

void add_import(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("import", "Turn a real log into a log folder");
  command->require_subcommand(1);
  command->footer(example("  rehearsal import obd open_bandit_dataset/random/men --out logs/men"));
  auto options = std::make_shared<ImportObd>();
  CLI::App* obd = command->add_subcommand("obd", "A campaign of the Open Bandit Dataset");
  obd->footer(
      example("  rehearsal import obd open_bandit_dataset/random --campaign men --out logs/men\n"
              "  rehearsal evaluate logs/men --policy bts=policies.h5:men/action_dist_bts"));
  obd->add_option("source", options->source,
                  "A folder named CAMPAIGN with CAMPAIGN.csv and item_context.csv as published, or "
                  "one that holds such folders")
      ->required()
      ->type_name("DIR");
  obd->add_option("--campaign", options->campaign, "Which, where the folder holds several")
      ->type_name("NAME");
  obd->add_option("--out", options->out, "The log's folder: absent or without a log")
      ->required()
      ->type_name("LOG");
  obd->callback([options, &action] { action = [options] { return import_obd_log(*options); }; });
}

}  // namespace rehearsal
