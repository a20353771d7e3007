#include "scenarios/study.h"

#include <CLI/CLI.hpp>

#include "scenarios/cli/commands.h"
#include "scenarios/literature/literature_study.h"
#include "scenarios/run_folder.h"
#include "scenarios/study_tables.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

struct StudyCommand {
  std::string file;
  std::string out;
  std::vector<std::string> assignments;
  int threads = 0;
  bool full = false;
  bool json = false;
};

int run_study(const StudyCommand& command) {
  const Study study = load_study(command.file, command.full);
  const std::vector<StudyJob> jobs = jobs_of(study, command.assignments);
  const std::filesystem::path out = command.out.empty() ? "runs/" + study.name : command.out;
  const std::unique_ptr<ProgressSink> progress = make_progress();
  const std::vector<Results> results =
      run_jobs(study, jobs, out, {command.threads, progress.get()});
  StudySummary summary = summarize(study, jobs, results);
  summary.decided = decide_all(study, jobs, results_by_size(study, jobs, out));
  const std::string json = to_json(summary);
  std::string names = "study.json";
  for (const auto& [name, text] : to_csv(summary)) {
    write_text_atomically(out / name, text);
    names += ", " + name;
  }
  write_text_atomically(out / "study.json", json);
  print(command.json
            ? json
            : to_text(summary) + "\nAll of it stands in " + out.string() + ": " + names + "\n");
  return 0;
}

int run_benchmark(const StudyCommand& command) {
  const LiteratureStudy study =
      load_literature_study(command.file, command.full, command.assignments);
  const std::filesystem::path out = command.out.empty() ? "runs/" + study.name : command.out;
  if (!std::filesystem::exists(out / "benchmark.json")) make_empty_folder(out);
  const std::unique_ptr<ProgressSink> progress = make_progress();
  const LiteratureReport report = run_literature(study, command.threads, progress.get());
  const std::string json = to_json(study, report);
  write_text_atomically(out / "benchmark.csv", to_csv(report));
  write_text_atomically(out / "benchmark.json", json);
  print(command.json ? json
                     : to_text(study, report) + "\nAll of it stands in " + out.string() +
                           ": benchmark.json, benchmark.csv\n");
  return 0;
}

}  // namespace

void add_study(CLI::App& app, Action& action) {
  auto command = std::make_shared<StudyCommand>();
  CLI::App* sub = app.add_subcommand(
      "study", "Run a grid of scenarios at several seeds, side by side, and aggregate");
  sub->footer(
      example("  rehearsal study scenarios/studies/item_page_worlds.yaml\n"
              "  rehearsal study scenarios/studies/item_page_worlds.yaml --out runs/worlds   "
              "finished jobs are skipped\n"
              "  rehearsal study scenarios/studies/cascade_dr.yaml --full   a paper's benchmark"));
  sub->add_option("study", command->file, "A study file")->required();
  sub->add_option("--out", command->out, "The study's folder (default: runs/NAME)")
      ->type_name("DIR");
  sub->add_option("--set", command->assignments,
                  "Change a key of every job's scenario, or of a benchmark's file; repeatable")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  add_threads_option(*sub, command->threads);
  sub->add_flag("--full", command->full, "At the full size that the study file states");
  sub->add_flag("--json", command->json, "Print study.json instead of the tables");
  sub->callback([command, &action] {
    action = [command] {
      return is_literature_study(command->file) ? run_benchmark(*command) : run_study(*command);
    };
  });
}

}  // namespace rehearsal
