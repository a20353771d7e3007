#pragma once

#include <map>
#include <string>
#include <vector>

#include "analysis/results.h"

namespace rehearsal {

/// May this policy go live? The same rule offline and live: promote if the lower bound of the lift
/// is at least min_lift and every guardrail's lower bound at least its limit; reject if an upper
/// bound is below its limit; else hold.
struct GateRule {
  std::string metric = "ctr";
  double min_lift = 0;
  std::map<std::string, double> guardrails;  // metric: least acceptable lift
  std::string estimator = "iips";            // whose lifts decide offline
  double confidence = 0.95;
  std::string correction = "holm";  // over the candidates: "holm", "bonferroni", "none"
  /// Least that an estimate rests on to decide offline; below it counts as not known. A normal
  /// interval around a few heavy weights, or a few successes, is far too narrow.
  double least_ess = 0;        // effective rounds
  double least_successes = 0;  // (value / standard error)^2: successes of equal weight
};

/// Sets both verdicts and the reason of every judged policy.
/// Raises: Error(kInput) when the rule names a metric or estimator that was not computed.
void apply_gate(const GateRule& rule, std::vector<PolicyResult>& policies);

}  // namespace rehearsal
