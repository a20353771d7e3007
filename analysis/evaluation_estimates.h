#pragma once

#include <optional>
#include <string>
#include <vector>

#include "analysis/evaluation_sums.h"

namespace rehearsal {

/// A key of EvaluateOptions and what is wrong with it.
struct IntervalProblem {
  std::string key;
  std::string message;
};
/// An interval that is not known, too few resamples, or a bound whose range is not given.
std::optional<IntervalProblem> interval_problem(const EvaluateOptions& options);

/// Sets what the pass must keep for the interval.
void plan_interval(const EvaluateOptions& options, EvaluationPlan& plan);

/// From sums to values, intervals, lifts and diagnostics. Args: baseline: as evaluate() takes it.
/// Returns: one a target of the plan.
std::vector<Estimate> target_estimates(const EvaluationPlan& plan, const EvaluationSums& sums,
                                       const EvaluateOptions& options, int baseline);

}  // namespace rehearsal
