#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>

#include "scenarios/cli/commands.h"
#include "scenarios/run_folder.h"
#include "scenarios/suite/judge.h"
#include "sim/core/error.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

namespace fs = std::filesystem;

struct CheckCommand {
  std::string suite;
  std::string junit;
  std::string out;
  std::int64_t first_seed = 1;
  int threads = 0;
  bool update = false;
};

/// Where the runs go: --out, or a folder that is gone afterwards.
class RunsFolder {
 public:
  explicit RunsFolder(const std::string& out) : path_(out), kept_(!out.empty()) {
    if (!kept_) {
      std::string name = (fs::temp_directory_path() / "rehearsal_check_XXXXXX").string();
      if (mkdtemp(name.data()) == nullptr)
        throw Error(ErrorKind::kRuntime,
                    "cannot make a folder in " + fs::temp_directory_path().string());
      path_ = name;
    } else {
      make_empty_folder(path_);
    }
  }
  ~RunsFolder() {
    std::error_code ignored;
    if (!kept_) fs::remove_all(path_, ignored);
  }
  RunsFolder(const RunsFolder&) = delete;
  RunsFolder& operator=(const RunsFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  bool kept_;
};

std::string stored_in(const Suite& suite) {
  std::set<std::string> paths;
  for (const SuiteCase& one : suite.cases)
    paths.insert(one.baseline.empty() ? suite.baseline : one.baseline);
  std::string text;
  for (const std::string& path : paths) text += "Stored in " + path + "\n";
  return text;
}

int check(const CheckCommand& command) {
  const Suite suite = load_suite(command.suite, command.first_seed);
  // A baseline that is not there is found before anything runs.
  Baseline baseline = command.update ? Baseline() : load_baselines(suite);
  const RunsFolder folder(command.out);
  const std::unique_ptr<ProgressSink> progress = make_progress();
  std::vector<CaseFacts> facts;
  for (std::size_t c = 0; c < suite.cases.size(); ++c)
    facts.push_back(facts_of(suite.cases[c], folder.path() / std::to_string(c),
                             {command.threads, progress.get()}));
  if (command.update) {
    save_baselines(suite, facts);
    baseline = load_baselines(suite);
  }
  const SuiteReport report = judge(suite, facts, baseline);
  if (!command.junit.empty()) write_text_atomically(command.junit, to_junit(report));
  print(to_text(report) + (command.update ? stored_in(suite) : ""));
  return report.n_failed() > 0 ? 1 : 0;
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto command = std::make_shared<CheckCommand>();
  CLI::App* sub = app.add_subcommand(
      "check", "Policy regression tests: run a suite's scenarios, exit with 1 when a check fails");
  sub->footer(
      example("  rehearsal check scenarios/suites/item_page.yaml --junit check.xml\n"
              "  rehearsal check scenarios/suites/item_page.yaml --update    store what is found"));
  sub->add_option("suite", command->suite, "A suite file")->required();
  sub->add_option("--junit", command->junit, "Write JUnit XML there")->type_name("FILE");
  sub->add_flag("--update", command->update, "Replace the stored baseline by what is found");
  sub->add_option("--seed", command->first_seed, "First of every case's seeds")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  sub->add_option("--out", command->out, "Keep the runs there; else they are removed")
      ->type_name("DIR");
  add_threads_option(*sub, command->threads);
  sub->callback([command, &action] { action = [command] { return check(*command); }; });
}

}  // namespace rehearsal
