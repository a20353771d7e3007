#include "scenarios/probe.h"

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"

namespace rehearsal {

namespace {

struct ProbeOptions {
  std::string file;
  bool json = false;
};

int print_probe(const ProbeOptions& options) {
  const Probe result = probe(load_tree(options.file));
  print(options.json ? to_json(result) : to_text(result));
  return 0;
}

}  // namespace

void add_probe(CLI::App& app, Action& action) {
  auto options = std::make_shared<ProbeOptions>();
  CLI::App* command =
      app.add_subcommand("probe", "A click model's exact probabilities on a given page");
  command->footer(
      "A file:\n"
      "  model: {type: dbn, gamma: 0.9}              see 'rehearsal list click_models'\n"
      "  page:  [{attraction: [.5, .3], satisfaction: [.6, .5]}]       one entry a row\n"
      "  clicks: [[1, 0]]                            optional, for their likelihood\n\n" +
      example("  rehearsal probe page.yaml --json"));
  command->add_option("file", options->file, "Model, page and clicks")->required();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &action] { action = [options] { return print_probe(*options); }; });
}

}  // namespace rehearsal
