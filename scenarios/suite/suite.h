#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "scenarios/study.h"

namespace rehearsal {

/// One line of `checks:`. Which keys it has depends on `check`.
struct SuiteCheck {
  std::string check;                  // a name of check_kinds()
  std::vector<std::string> policies;  // each is judged on its own
  std::string metric = "ctr";
  std::string estimator = "iips";
  double at_least = 0;        // lift: of the live lift over the scenario's baseline policy
  double confidence = 0.95;   // lift: with which that is established
  double not_worse_than = 0;  // guardrail: least acceptable live lift
  double margin = 0;          // no_regression: what may be lost against the stored baseline
  double p99_ms = 1;          // latency: of scoring and ordering one request
  double tolerance = 1e-6;    // golden_scores: |now - before| <= tolerance * (1 + |before|)

  Fields fields();
};

/// What stores a baseline, by its path.
enum class BaselineKind {
  kSuite,    // a file of ours, of all cases and their seeds
  kResults,  // a results.json: one run of one case
  kRun,      // the folder of a run (a path that ends with / or is a folder): with its policies
};
BaselineKind baseline_kind(const std::filesystem::path& path);

/// The kinds of checks, with a line on each.
struct CheckKind {
  std::string name;
  std::string summary;
  bool statistical;  // shares the suite's false alarms with the others
};
const std::vector<CheckKind>& check_kinds();
const CheckKind& check_kind(const std::string& name);

/// A scenario, run at several seeds of log, training and users in one world, and what must hold.
struct SuiteCase {
  std::string name;
  Study study;  // without a grid
  std::vector<SuiteCheck> checks;
  std::string baseline{};  // path of its own stored baseline; "": the suite's
};

/// A suite file:
///   name: item_page
///   baseline: item_page.baseline.json      # beside the suite; --update writes it. Or
///   results.json,
///                                          # or the folder of a run; a case may have its own
///   false_alarms: 0.05
///   cases:
///     - name: small
///       scenario: ../item_page.yaml
///       set: {log.pages: 20000}
///       arms: [logistic]
///       seeds: 5
///       checks:
///         - {check: no_regression, policies: [logistic], metric: ctr, margin: 0.002}
struct Suite {
  std::string name = "suite";
  std::string file;
  std::string baseline;        // path of the stored baseline
  double false_alarms = 0.05;  // chance that a suite fails where nothing changed, at most
  std::vector<SuiteCase> cases;

  /// Policies that a statistical check judges; each gets false_alarms / n_tests().
  std::size_t n_tests() const;
};

/// Args: first_seed: cases run at seeds first_seed, first_seed + 1, ...
/// Raises: Error(kInput) with file, line, column and key, for the suite and its scenarios.
Suite load_suite(const std::string& file, std::int64_t first_seed = 1);

}  // namespace rehearsal
