#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "scenarios/cli/commands.h"
#include "sim/core/error.h"
#include "sim/core/version.h"

namespace rehearsal {

namespace {

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
  add_list(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ErrorKind::kInput);
  }
  return run_action(action);
}

}  // namespace rehearsal
