#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/estimator_scores.h"
#include "scenarios/literature/benchmarks.h"
#include "scenarios/study.h"

namespace rehearsal {

/// A statement about a benchmark's figures that the literature makes and ours are put to.
struct ShapeClaim {
  std::string text;
  std::map<std::string, std::vector<std::string>> where;  // grid key: values; empty: every cell
  std::vector<std::string> order;                         // estimators by rising measure
  double slack = 1;                                       // factor by which the order may be missed
  std::string rises;       // estimator whose measure is larger at the last value of `along`
  std::string falls;       // than at the first, or smaller
  std::string along;       // grid key
  std::vector<double> by;  // {least, most} factor between the two; empty: any
  std::map<std::string, double> at_most;  // of an estimator's measure
  std::map<std::string, double> at_least;
  bool ranks = false;     // ours are to be ordered as what was published
  double least_tau = -1;  // by Kendall's tau over pairs of different published figures
};

/// A study file of a benchmark:
///   name: cascade_dr
///   benchmark: {type: cascade_dr, rounds: 1000}    # a line of benchmarks.cc and its keys
///   grid: {length: [3, 4, 5]}                      # keys of the benchmark
///   seeds: 200
///   measure: ratio                                 # mse, root_mse, relative_mse, ratio, ..., mean
///   reference: cascade_dr                          # of `ratio`
///   published: {ips: [1.3, 1.0, ~]}                # measure by cell, ~ where none is known
///   shape: [{text: ..., order: [cascade_dr, rips]}]
///   full: {seeds: 10000}
struct LiteratureStudy : StudyGrid {
  std::string name = "benchmark";
  std::string file;
  std::string text;
  std::string type;
  std::string measure = "mse";
  std::string reference;
  YAML::Node benchmark;
  Source source;  // of benchmark
  std::map<std::string, std::vector<std::optional<double>>> published;
  std::vector<ShapeClaim> shape;
};

/// Whether a study file is a benchmark's.
bool is_literature_study(const std::string& file);

/// Args: full: at the size that the file gives as full.  assignments: of --set, of the study file.
/// Raises: Error(kInput) with file, line, column and key.
LiteratureStudy load_literature_study(const std::string& file, bool full = false,
                                      const std::vector<std::string>& assignments = {});

struct LiteratureRow {
  std::size_t cell = 0;
  std::string estimator;
  EstimatorAccuracy accuracy;
  double truth = 0;     // mean over seeds
  double measured = 0;  // the study's measure
  std::optional<double> published;
};

struct ClaimResult {
  std::string text;
  std::size_t n_held = 0;  // of so many comparisons
  std::size_t n = 0;
  std::string missed;  // cells where it does not hold
};

struct LiteratureReport {
  std::vector<std::string> cells;  // texts such as "length=3"
  std::vector<LiteratureRow> rows;
  std::vector<ClaimResult> claims;
};

/// Every cell at every seed, side by side; no byte depends on threads.
/// Raises: Error(kInput) for what a benchmark refuses, and for unknown estimators in the file.
LiteratureReport run_literature(const LiteratureStudy& study, int threads, ProgressSink* progress);

std::string to_text(const LiteratureStudy& study, const LiteratureReport& report);
std::string to_json(const LiteratureStudy& study, const LiteratureReport& report);
std::string to_csv(const LiteratureReport& report);

}  // namespace rehearsal
