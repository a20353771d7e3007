#include "scenarios/distillation/comparison.h"

#include <cmath>
#include <limits>

namespace rehearsal {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

const PolicyResult* find(const Results& run, const std::string& student, const std::string& arm) {
  for (const PolicyResult& policy : run.policies)
    if (policy.name == student + "." + arm) return &policy;
  return nullptr;
}

}  // namespace

double value_of(const Results& run, const Measure& measure) {
  const PolicyResult* policy = find(run, measure.student, measure.arm);
  if (policy == nullptr) return kNone;
  const auto found = policy->offline.find(measure.metric);
  return found == policy->offline.end() ? kNone : measure.scale * found->second;
}

double lift_of(const Results& run, const std::string& student, const std::string& arm,
               const std::string& metric) {
  const PolicyResult* policy = find(run, student, arm);
  if (policy == nullptr) return kNone;
  const auto found = policy->lift.find(metric);
  return found == policy->lift.end() ? kNone : found->second.lift.value;
}

Spread spread_of_runs(const Runs& runs, const std::function<double(const Results&)>& value) {
  std::vector<double> values;
  for (const Results* run : runs)
    if (const double own = value(*run); std::isfinite(own)) values.push_back(own);
  return spread_of(values);
}

Spread difference(const Runs& runs, const Measure& first, const Measure& second) {
  return spread_of_runs(
      runs, [&](const Results& run) { return value_of(run, first) - value_of(run, second); });
}

}  // namespace rehearsal
