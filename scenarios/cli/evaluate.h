#pragma once

// The parts of `rehearsal evaluate`. For scenarios/cli/evaluate*.cc only.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "analysis/evaluate.h"

namespace rehearsal {

/// The subcommand's options.
struct EvaluateCommand {
  std::string log;
  std::vector<std::string> policies;
  std::string behavior = "logged";
  std::string q_hat;
  std::vector<std::string> q_hat_expected;
  std::vector<std::string> segments;
  std::string baseline;
  std::string outcome;
  std::string layout;
  std::string out;
  EvaluateOptions how;  // what single recommendations and pages share
  bool sessions = false;
  double discount = 1;
  std::optional<std::int64_t> cdf_points;
  bool json = false;
};

/// Scores policies from a log, prints and writes what was found.
int evaluate_log(const EvaluateCommand& command);
/// The same of another tool's arrays: FILE.h5 --layout NAME.
int evaluate_file(const EvaluateCommand& command);

/// Writes DIR/results.json; nothing for "". Raises: Error(kRuntime).
void write_results(const std::string& folder, const std::string& json);

}  // namespace rehearsal
