#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <exception>

#include "scenarios/cli/commands.h"
#include "scenarios/scenario.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/engine/parallel.h"

namespace rehearsal {

namespace {

extern "C" void on_interrupt(int) { request_interrupt(); }

/// SIGINT asks long loops to stop; a second one ends the program at once.
void catch_interrupt() {
  struct sigaction act = {};
  act.sa_handler = on_interrupt;
  act.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &act, nullptr);
}

int fail(const std::string& message, int status) {
  std::fprintf(stderr, "rehearsal: %s\n", message.c_str());
  return status;
}

int run_action(const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    return fail(error.what(), error.exit_status());
  } catch (const std::bad_alloc&) {
    return fail("out of memory", static_cast<int>(ErrorKind::kRuntime));
  } catch (const std::exception& error) {
    return fail(error.what(), static_cast<int>(ErrorKind::kRuntime));
  }
}

constexpr const char* kAbout =
    "Rehearsal: where a recommendation policy rehearses before it goes live.\n"
    "A scenario file describes a world, its users, the policy that wrote the log and the\n"
    "candidates; 'rehearsal run' says which of them would have been safe to roll out.";

}  // namespace

Tree ScenarioOptions::tree(const std::string& file) const {
  Tree tree = load_tree(file);
  for (const std::string& assignment : assignments) set_assignment(tree, assignment);
  if (!seed.empty()) set_value(tree, "seed", YAML::Node(seed), "--seed " + seed);
  return tree;
}

Scenario ScenarioOptions::load(const std::string& file) const { return parse_scenario(tree(file)); }

void add_scenario_options(CLI::App& command, ScenarioOptions& options) {
  command
      .add_option("--set", options.assignments,
                  "Change a key, such as log.pages=1e6 or policies.NAME.train.epochs=5; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  command.add_option("--seed", options.seed, "Of every random number")->type_name("N");
}

void add_threads_option(CLI::App& command, int& threads) {
  command.add_option("--threads", threads, "Threads, 0 for all; changes no result")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
}

std::string example(const std::string& command_lines) { return "Example:\n" + command_lines; }

void print(const std::string& text) {
  const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (!written || std::fflush(stdout) != 0)
    throw Error(ErrorKind::kRuntime, "cannot write to standard output");
}

int rehearsal_main(int argc, const char* const* argv) {
  CLI::App app(kAbout, "rehearsal");
  app.set_version_flag("--version", version(), "Print the version and stop");
  app.require_subcommand(1);
  app.footer(
      example("  rehearsal run scenarios/item_page.yaml --out runs/first\n"
              "  rehearsal run --help"));
  Action action;
  add_run(app, action);
  add_simulate(app, action);
  add_evaluate(app, action);
  add_import(app, action);
  add_check(app, action);
  add_rank(app, action);
  add_replay(app, action);
  add_study(app, action);
  add_plan(app, action);
  add_fit(app, action);
  add_probe(app, action);
  add_list(app, action);
  add_validate(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::kInput);
  }
  catch_interrupt();
  return run_action(action);
}

}  // namespace rehearsal
