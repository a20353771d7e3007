#pragma once

#include <functional>
#include <string>

#include "scenarios/distillation/acceptance.h"
#include "scenarios/study_tables.h"

namespace rehearsal {

/// An arm's offline metric, in a unit of its own (100: AUC in points).
struct Measure {
  std::string student;
  std::string arm;
  std::string metric;
  double scale = 1;
};

/// NaN where a run has none.
double value_of(const Results& run, const Measure& measure);
/// Live lift over the control; NaN where a run has none.
double lift_of(const Results& run, const std::string& student, const std::string& arm,
               const std::string& metric);

/// Of the runs whose value is a number.
Spread spread_of_runs(const Runs& runs, const std::function<double(const Results&)>& value);
/// First less second, run by run.
Spread difference(const Runs& runs, const Measure& first, const Measure& second);

}  // namespace rehearsal
