#pragma once

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "analysis/results.h"
#include "scenarios/scenario.h"
#include "sim/core/progress.h"

namespace rehearsal {

/// One point of a study's grid: the keys that make it, with their values as YAML text.
using StudyCell = std::vector<std::pair<std::string, std::string>>;

/// What a study repeats: every combination of its grid at every seed.
struct StudyGrid {
  std::vector<std::pair<std::string, std::vector<YAML::Node>>> grid;
  std::vector<std::int64_t> seeds;

  std::vector<StudyCell> cells() const;
  /// Reads the keys `grid` and `seeds` of a study file. Raises: Error(kInput).
  void read(const YAML::Node& root, const Source& source);
};

/// Puts the keys of a study file's `full:` in place of its own. Raises: Error(kInput) without any.
void take_full(Tree& tree);

/// A study file: one scenario under a grid of changes, each at several seeds.
///   name: item_page_worlds
///   scenario: ../item_page.yaml             # relative to the study file
///   set: {log.pages: 400000}                # for all jobs
///   grid: {log.pages: [1e5, 1e6]}           # every combination is a cell
///   seeds: 10                               # 1 to 10; or a list
///   arms: [random, dnn_click]               # of the policies; absent: all
///   pairs: [[dnn_click, random]]            # differences, paired by seed
///   decisions: {sizes: [0.1, 1]}            # judge each log at these parts of its users, too
///   full: {seeds: 100}                      # keys that a full-size call puts in place of these
///   keep_logs: false
struct Study : StudyGrid {
  std::string name = "study";
  std::string file;
  std::string text;      // the file's own
  std::string scenario;  // path of the scenario file
  std::vector<std::pair<std::string, YAML::Node>> set;
  std::vector<std::string> arms;
  std::vector<std::pair<std::string, std::string>> pairs;  // first minus second
  std::vector<double> sizes;  // of decisions, ascending; empty: none are looked at
  bool keep_logs = false;
};

/// Args: full: with the keys of `full:`.
/// Raises: Error(kInput) with file, line, column and key.
Study load_study(const std::string& file, bool full = false);

/// One run of a study.
struct StudyJob {
  std::string name;  // stable: the same cell and seed give the same name
  std::size_t cell = 0;
  std::int64_t seed = 0;
  Scenario scenario;
};

/// Every cell at every seed, parsed and checked; cell by cell, seeds inside.
/// Args: assignments: of --set, over what the study sets.
std::vector<StudyJob> jobs_of(const Study& study, const std::vector<std::string>& assignments = {});

struct StudyOptions {
  int threads = 0;  // jobs side by side, each on one thread; 0: all of the machine
  ProgressSink* progress = nullptr;
};

/// Runs the jobs side by side into OUT/jobs/NAME; a job whose whole run stands there already, from
/// the same resolved scenario, is not run again. With sizes, each job's estimates at each
/// size go to OUT/sizes.
/// Returns: results in the order of the jobs.
/// Raises: Error(kInput) when `out` holds something else; a job's error, naming the job. What is
/// finished stays.
std::vector<Results> run_jobs(const Study& study, const std::vector<StudyJob>& jobs,
                              const std::filesystem::path& out, const StudyOptions& options);

/// What run_jobs left. Returns: [job][size] results with the estimates of that size.
std::vector<std::vector<Results>> results_by_size(const Study& study,
                                                  const std::vector<StudyJob>& jobs,
                                                  const std::filesystem::path& out);

}  // namespace rehearsal
