#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "analysis/results.h"
#include "scenarios/run_folder.h"
#include "scenarios/scenario.h"
#include "scenarios/setup.h"
#include "sim/core/progress.h"
#include "sim/log/log.h"
#include "sim/log/source.h"

namespace rehearsal {

/// How a run is carried out; changes no byte of results.json.
struct RunOptions {
  int threads = 0;  // 0: all of the machine
  bool keep_log = true;
  ProgressSink* progress = nullptr;
};

/// Seconds of each step, in order; "fit NAME" for each policy that learnt.
using Timing = std::vector<std::pair<std::string, double>>;

/// The users' rounds that learners see, and those that estimators see: apart when
/// log.train_share < 1. Args: log: outlives them.  part: of the estimators' users, in (0, 1]: what
/// a shorter log would hold, each part inside the next larger one.
RoundSource training_rounds(const Scenario& scenario, const Setup& setup, const LogReader& log);
RoundSource estimation_rounds(const Scenario& scenario, const Setup& setup, const LogReader& log,
                              double part = 1);

/// The part of the behaviour policy that shows uniformly random pages, or "" without one.
std::string exploration_part(const Scenario& scenario);

/// The steps of a run. Each raises Error(kInterrupted) after SIGINT.

/// Writes the behaviour policy's log. Args: folder: absent or empty.
LogInfo simulate_step(const Scenario& scenario, const Setup& setup,
                      const std::filesystem::path& folder, const RunOptions& options);
/// Every policy that learns does so, side by side, each on one thread.
/// Returns: seconds of each, by place in the scenario (0 for those that learn nothing).
std::vector<double> fit_step(const Scenario& scenario, Setup& setup, const RoundSource& rounds,
                             const RunOptions& options);
void save_step(const Scenario& scenario, const Setup& setup, const RunFolder& folder);
/// Takes back what save_step wrote. Raises: Error(kInput) for a missing or damaged file.
void load_step(const Scenario& scenario, Setup& setup, const RunFolder& folder);
/// Off-policy estimates from rounds that estimators may see, of every policy that lives without the
/// truth. Args: info: of the log that they are from.
void estimate_rounds(const Scenario& scenario, const Setup& setup, const RoundSource& rounds,
                     const LogInfo& info, const RunOptions& options,
                     std::vector<PolicyResult>& policies);
/// Off-policy estimates of every policy that lives without the truth, and how it ranks modules.
void estimate_step(const Scenario& scenario, const Setup& setup, const LogReader& log,
                   const RunOptions& options, std::vector<PolicyResult>& policies);
/// Live values and lifts of every policy.
void live_step(const Scenario& scenario, const Setup& setup, const RunOptions& options,
               std::vector<PolicyResult>& policies);
/// Whether the gate judges a policy.
bool is_candidate(const Scenario& scenario, const PolicySpec& policy);
/// Marks the candidates and applies the gate.
void judge_step(const Scenario& scenario, std::vector<PolicyResult>& policies);

/// All steps, into an empty folder made by make_run_folder. results.json comes last.
Results run_scenario(const Scenario& scenario, const RunFolder& folder, const RunOptions& options);

/// Reads DIR/results.json. Raises: Error(kInput) when DIR is no whole run.
Results read_results(const RunFolder& folder);

}  // namespace rehearsal
