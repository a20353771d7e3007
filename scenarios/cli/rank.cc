#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "scenarios/cli/commands.h"
#include "scenarios/serve/serve.h"

namespace rehearsal {

namespace {

struct RankCommand {
  std::string policy;
  std::uint64_t seed = 1;
  ServeOptions options;
};

int rank(const RankCommand& command) {
  const ServedPolicy served = load_served_policy(command.policy);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that is gone is an error like any other
  const Served summary =
      serve(served, Rng(command.seed), STDIN_FILENO, STDOUT_FILENO, command.options);
  std::fputs(to_text(summary).c_str(), stderr);
  return summary.exit_status();
}

}  // namespace

void add_rank(CLI::App& app, Action& action) {
  auto command = std::make_shared<RankCommand>();
  CLI::App* sub = app.add_subcommand(
      "rank", "Serve a saved policy: a JSON request a line on stdin, its page a line on stdout");
  sub->footer(
      example("  rehearsal rank --policy runs/item_page/policies/logistic < requests.jsonl\n"
              "docs/serving.md says what a request and an answer hold."));
  sub->add_option("--policy", command->policy, "The folder of a saved policy")
      ->required()
      ->type_name("DIR");
  sub->add_option("--seed", command->seed, "Of what a stochastic policy draws")
      ->capture_default_str()
      ->type_name("N");
  sub->add_option("--batch", command->options.most, "Most requests that are decided together")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096))
      ->type_name("N");
  sub->callback([command, &action] { action = [command] { return rank(*command); }; });
}

}  // namespace rehearsal
