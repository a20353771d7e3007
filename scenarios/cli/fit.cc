#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/fit_users.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

struct FitUsersCommand {
  std::string log;
  std::string out;
  std::string entities;
  std::string compare;
  FitUsersOptions options;
  bool json = false;
};

Array column(const std::vector<double>& values) { return {{values.size()}, values}; }

int fit_users_to_log(FitUsersCommand command) {
  const LogReader log(command.log);
  std::unique_ptr<LogReader> other;
  if (!command.compare.empty()) other = std::make_unique<LogReader>(command.compare);
  command.options.compare = other.get();
  const FitUsersReport report = fit_users(log, command.options);
  if (!command.out.empty()) write_text_atomically(command.out, users_yaml(report));
  if (!command.entities.empty()) {
    Arrays arrays{{"attraction", column(report.fit.attraction)}};
    if (!report.fit.satisfaction.empty()) arrays["satisfaction"] = column(report.fit.satisfaction);
    save_arrays(command.entities, arrays);
  }
  print(command.json ? to_json(report) : to_text(report));
  return 0;
}

}  // namespace

void add_fit(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("fit", "Calibrate a model to a log");
  command->require_subcommand(1);
  command->footer(example("  rehearsal fit users logs/men --model pbm --out model.yaml"));
  auto options = std::make_shared<FitUsersCommand>();
  CLI::App* users = command->add_subcommand(
      "users", "Fit a click model, score it on held-out users and compare it with the log");
  users->footer(
      example("  rehearsal fit users logs/men --model pbm --out model.yaml\n"
              "  rehearsal fit users logs/men_random --model pbm --compare logs/men_bts\n"
              "  rehearsal fit users runs/page --model carousel_page --held scenario.yaml"));
  users->add_option("log", options->log, "A log folder, its log.h5, or a run folder")->required();
  users->add_option("--model", options->options.model, "What to fit")
      ->required()
      ->check(CLI::IsMember(fittable_users()))
      ->type_name("NAME");
  users->add_option("--out", options->out, "Writes 'users:' there, for a scenario to include")
      ->type_name("FILE.yaml");
  users
      ->add_option("--entities", options->entities,
                   "Writes what each item (or module) attracts and satisfies there")
      ->type_name("FILE.h5");
  users
      ->add_option("--compare", options->compare,
                   "A second policy's log of the same items: its CTR is predicted")
      ->type_name("LOG");
  users
      ->add_option(
          "--held", options->options.held,
          "A scenario whose users: hold what carousel_page does not fit; else its defaults")
      ->type_name("FILE.yaml");
  users->add_option("--held-out", options->options.held_out, "Share of the users to judge by")
      ->check(CLI::Range(0.01, 0.99))
      ->type_name("P");
  users->add_option("--seed", options->options.seed, "Of who is held out")->type_name("N");
  add_threads_option(*users, options->options.threads);
  users->add_flag("--json", options->json, "Print JSON");
  users->callback(
      [options, &action] { action = [options] { return fit_users_to_log(*options); }; });
}

}  // namespace rehearsal
