#pragma once

#include <string>
#include <vector>

#include "analysis/power.h"
#include "scenarios/scenario.h"
#include "sim/core/progress.h"

namespace rehearsal {

struct PlanOptions {
  double lift = 0.0248;  // of the gate's metric, to be told from gate.min_lift
  double power = 0.8;
  std::int64_t pilot_pages = 100000;  // of each log that is simulated to see the variances
  std::vector<double> exploration{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1};  // random share of the pages
  std::vector<std::string> candidates;  // empty: all that the gate judges
  int threads = 0;
  ProgressSink* progress = nullptr;
};

/// What one candidate asks of a log.
struct PlannedCandidate {
  double pages = 0;  // of the whole log, those that train included; NaN: cannot be told
  double ess = 0;    // of the pilot's weights: few say that `pages` is a guess
};

/// A log with this share of random pages.
struct PlannedLog {
  double exploration = 0;
  double cost = 0;  // exact lift of the behaviour policy over the baseline
  std::vector<PlannedCandidate> candidates;
};

/// How much it takes to decide, in the scenario's own world.
struct Plan {
  std::string scenario;
  std::string metric;
  std::string estimator;
  std::string correction;
  Power goal;       // goal.lift is the distance from min_lift
  double lift = 0;  // as asked for
  double min_lift = 0;
  double value = 0;     // exact, of the baseline
  double variance = 0;  // of a page, a user's pages together
  double pages_per_arm = 0;
  double judge_share = 1;  // of the log's pages that estimators see
  std::int64_t pilot_pages = 0;
  std::vector<std::string> candidates;
  std::vector<PlannedLog> logs;
};

/// Simulates a pilot log at each share of exploration, scores the candidates by the gate's
/// estimator and scales the lifts' standard errors to the power asked for. Learners learn once,
/// from a pilot of the scenario's own behaviour. Without a uniform part in the behaviour policy
/// there is one log, as the scenario has it (exploration NaN).
/// Raises: Error(kInput) for names, shares and lifts that cannot be; what a run raises.
Plan plan(const Scenario& scenario, const PlanOptions& options);

std::string to_text(const Plan& plan);
std::string to_json(const Plan& plan);

}  // namespace rehearsal
