#include "scenarios/segment_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace rehearsal {

namespace {

std::string cut(const std::string& text, std::size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

std::string row(const PolicyResult& policy, const SegmentEstimates& segment, const Estimate& e) {
  std::string text =
      fmt::format("  {:<18} {:<22} {:>9} {:<10} {:<8} {:>9.4g}", cut(policy.name, 18),
                  cut(segment.feature + " = " + segment.level, 22), segment.rounds,
                  cut(e.estimator, 10), cut(e.metric, 8), e.value);
  if (e.lift_test)
    text += fmt::format(" {:>+8.2f}% [{:>+8.2f}, {:>+8.2f}] {:>7.4f}{}", 100 * e.lift->value,
                        100 * e.lift->low, 100 * e.lift->high, e.lift_test->p_adjusted,
                        e.lift_test->p_adjusted <= 1 - e.confidence ? " *" : "");
  return text + "\n";
}

}  // namespace

std::string segment_table(const std::vector<PolicyResult>& policies, const std::string& metric,
                          const std::string& estimator) {
  std::string rows;
  const LiftTest* test = nullptr;
  double confidence = 0;
  for (const PolicyResult& policy : policies)
    for (const SegmentEstimates& segment : policy.segments)
      for (const Estimate& e : segment.estimates) {
        if ((!metric.empty() && e.metric != metric) ||
            (!estimator.empty() && e.estimator != estimator))
          continue;
        rows += row(policy, segment, e);
        confidence = e.confidence;
        if (e.lift_test) test = &*e.lift_test;
      }
  if (rows.empty()) return "";
  std::string text = fmt::format(
      "By segment, each interval at {:g} % on its own:\n"
      "  {:<18} {:<22} {:>9} {:<10} {:<8} {:>9} {:>9} {:>20} {:>8}\n",
      100 * confidence, "policy", "segment", "rounds", "estimator", "metric", "value", "lift",
      "interval, %", "p");
  text += rows;
  if (test != nullptr)
    text += fmt::format("  p: of no lift, corrected ({}) for {} comparisons; * at most {:.3g}\n",
                        test->correction, test->comparisons, 1 - confidence);
  return text;
}

}  // namespace rehearsal
