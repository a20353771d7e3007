#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/core/progress.h"

namespace CLI {
class App;
}

namespace rehearsal {

struct Scenario;
struct Tree;

/// What the chosen subcommand does once the whole command line has been read; its exit status.
/// May throw Error.
using Action = std::function<int()>;

/// Each adds one subcommand with its options to `app`. Its CLI11 callback sets `action` and does
/// nothing else, so that bad usage is found before anything happens:
///   void add_list(CLI::App& app, Action& action) {
///     struct Options { ... };
///     auto options = std::make_shared<Options>();
///     CLI::App* command = app.add_subcommand("list", "...");
///     command->footer(example("rehearsal list policies"));
///     command->add_option(...);
///     command->callback([options, &action] { action = [options] { return list(*options); }; });
///   }
void add_run(CLI::App& app, Action& action);
void add_simulate(CLI::App& app, Action& action);
void add_evaluate(CLI::App& app, Action& action);
void add_import(CLI::App& app, Action& action);
void add_check(CLI::App& app, Action& action);
void add_rank(CLI::App& app, Action& action);
void add_replay(CLI::App& app, Action& action);
void add_study(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_fit(CLI::App& app, Action& action);
void add_probe(CLI::App& app, Action& action);
void add_list(CLI::App& app, Action& action);
void add_validate(CLI::App& app, Action& action);

/// The whole program. Returns: 0 done; 1 a check failed; 2 bad usage or input; 3 a run-time
/// failure; 130 interrupted.
int rehearsal_main(int argc, const char* const* argv);

/// What changes a scenario file on the command line: --set and --seed.
struct ScenarioOptions {
  std::vector<std::string> assignments;
  std::string seed;

  /// The file with these changes. Raises: Error(kInput).
  Tree tree(const std::string& file) const;
  /// A plain scenario. Raises: Error(kInput).
  Scenario load(const std::string& file) const;
};
void add_scenario_options(CLI::App& command, ScenarioOptions& options);

void add_threads_option(CLI::App& command, int& threads);

/// The footer of a subcommand's help.
std::string example(const std::string& command_lines);

/// Writes to stdout. Raises: Error(kRuntime) when that fails (a full disk, a closed pipe).
void print(const std::string& text);

/// A bar on stderr when that is a terminal; else one plain line as each task starts and ends.
std::unique_ptr<ProgressSink> make_progress();

}  // namespace rehearsal
