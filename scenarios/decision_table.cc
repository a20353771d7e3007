#include "scenarios/decision_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "scenarios/run_online.h"
#include "scenarios/segment_table.h"

namespace rehearsal {

namespace {

constexpr std::size_t kWidth = 120;
constexpr std::size_t kNameWidth = 24;

/// Integers with commas between thousands.
std::string grouped(std::uint64_t count) {
  std::string text = fmt::format("{}", count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

/// A lift in percent, 9 columns.
std::string percent(double lift) {
  if (!std::isfinite(lift)) return "      n/a";
  return fmt::format("{:>+8.2f}%", 100 * lift);
}

std::string interval(const Interval& of) {
  if (!std::isfinite(of.low) || !std::isfinite(of.high)) return fmt::format("{:>21}", "n/a");
  return fmt::format("[{:>+8.2f}, {:>+8.2f}]%", 100 * of.low, 100 * of.high);
}

std::string short_name(const std::string& name) {
  if (name.size() <= kNameWidth) return name;
  return fmt::format("{}..", name.substr(0, kNameWidth - 2));
}

const Estimate* find_estimate(const PolicyResult& policy, const std::string& estimator,
                              const std::string& metric) {
  for (const Estimate& estimate : policy.estimates)
    if (estimate.estimator == estimator && estimate.metric == metric) return &estimate;
  return nullptr;
}

std::optional<double> true_lift(const PolicyResult& policy, const std::string& metric) {
  const auto found = policy.lift.find(metric);
  if (found == policy.lift.end()) return std::nullopt;
  return found->second.lift.value;
}

bool covers(const Interval& of, double truth) { return of.low <= truth && truth <= of.high; }

const PolicyResult* find_policy(const Results& results, const std::string& name) {
  for (const PolicyResult& policy : results.policies)
    if (policy.name == name) return &policy;
  return nullptr;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string heading(const Scenario& scenario, const Results& results) {
  return fmt::format("{}, seed {}: {} logged pages by '{}', {} live pages a policy\n",
                     results.scenario, results.seed, grouped(results.log_rounds),
                     results.behavior_policy,
                     grouped(static_cast<std::uint64_t>(scenario.live.pages)));
}

std::string policy_row(const PolicyResult& policy, const GateRule& rule, bool baseline) {
  std::string row = fmt::format("{:<{}}", short_name(policy.name), kNameWidth);
  for (const char* metric : {"ctr", "ptr"}) {
    const std::optional<double> lift = true_lift(policy, metric);
    row += " " + (baseline ? fmt::format("{:>9}", "baseline")
                  : lift   ? percent(*lift)
                           : fmt::format("{:>9}", "-"));
  }
  const Estimate* estimate = find_estimate(policy, rule.estimator, rule.metric);
  const std::optional<double> truth = true_lift(policy, rule.metric);
  if (!baseline && estimate != nullptr && estimate->lift) {
    row += "  " + percent(estimate->lift->value) + " " + interval(*estimate->lift);
    if (truth)
      row += " " + percent(*truth) + (covers(*estimate->lift, *truth) ? "   yes" : "   NO ");
  } else if (policy.judged) {
    row += fmt::format("  {:<47}", "not estimated");
  }
  if (policy.judged)
    row = fmt::format("{:<96}  {:<8} {:<8}", row, to_string(policy.offline_verdict),
                      to_string(policy.live_verdict));
  row.erase(row.find_last_not_of(' ') + 1);
  return row + "\n";
}

std::string policies_table(const Results& results, const GateRule& rule) {
  const std::string metric = upper(rule.metric);
  std::string table = fmt::format("{:<{}} {:<19}  {:<46} {}\n", "", kNameWidth, "exact live lift",
                                  metric + " lift, estimated by " + rule.estimator, "verdict");
  table += fmt::format("{:<{}} {:>9} {:>9}  {:>9} {:>21} {:>9} {:>6} {:<8} {:<8}\n", "policy",
                       kNameWidth, "CTR", "PTR", "estimate",
                       fmt::format("{:g} % interval", 100 * rule.confidence), "truth", "covers",
                       " offline", " live");
  for (const PolicyResult& policy : results.policies)
    table += policy_row(policy, rule, policy.name == results.baseline);
  return table;
}

std::string reasons(const Results& results, const GateRule& rule) {
  std::string text;
  for (const PolicyResult& policy : results.policies) {
    const Estimate* estimate = find_estimate(policy, rule.estimator, rule.metric);
    std::string line = policy.judged ? policy.reason : "";
    if (estimate != nullptr && estimate->choice)
      line += (line.empty() ? "" : "; ") + std::string("chosen ") + estimate->choice->reason;
    if (estimate != nullptr)
      for (const std::string& warning : estimate->warnings)
        line += (line.empty() ? "" : "; ") + std::string("warning: ") + warning;
    if (line.empty()) continue;
    text += wrapped(fmt::format("  {:<{}} {}", short_name(policy.name), kNameWidth, line), kWidth,
                    kNameWidth + 3);
  }
  return text.empty() ? "" : "Why:\n" + text;
}

/// How the intervals of one estimator stand to the truth, over the policies that have both.
std::string estimator_row(const Scenario& scenario, const Results& results,
                          const std::string& estimator) {
  const std::string& metric = scenario.gate.rule.metric;
  double error = 0;
  double half_width = 0;
  int covered = 0;
  int count = 0;
  for (const PolicyResult& policy : results.policies) {
    const Estimate* estimate = find_estimate(policy, estimator, metric);
    const std::optional<double> truth = true_lift(policy, metric);
    if (policy.name == results.baseline || estimate == nullptr || !estimate->lift || !truth ||
        !std::isfinite(estimate->lift->value))
      continue;
    error += std::abs(estimate->lift->value - *truth);
    half_width += (estimate->lift->high - estimate->lift->low) / 2;
    covered += covers(*estimate->lift, *truth) ? 1 : 0;
    ++count;
  }
  if (count == 0) return fmt::format("  {:<10} does not apply to this log\n", estimator);
  return fmt::format("  {:<10} {:>12.2f} {:>16.2f} {:>10} of {}\n", estimator, 100 * error / count,
                     100 * half_width / count, covered, count);
}

std::string estimators_table(const Scenario& scenario, const Results& results) {
  std::string table =
      fmt::format("Estimators against the truth, {} lift in points, mean over policies:\n",
                  upper(scenario.gate.rule.metric));
  table += fmt::format("  {:<10} {:>12} {:>16} {:>15}\n", "", "|error|", "interval +/-",
                       "interval covers");
  for (const std::string& estimator : scenario.estimate.estimators)
    table += estimator_row(scenario, results, estimator);
  return table;
}

std::string exploration(const Results& results) {
  const PolicyResult* behavior = find_policy(results, results.behavior_policy);
  if (behavior == nullptr || results.behavior_policy == results.baseline) return "";
  std::string costs;
  for (const char* metric : {"ctr", "ptr"})
    if (const std::optional<double> lift = true_lift(*behavior, metric))
      costs += fmt::format("{}{} {:+.2f}%", costs.empty() ? "" : ", ", upper(metric), 100 * *lift);
  return "Cost of exploration: '" + results.behavior_policy + "' against '" + results.baseline +
         "' " + costs + " (exact)\n";
}

/// a / b as text; "-" where b is 0.
std::string ratio(double a, double b) { return b > 0 ? fmt::format("{:.1f}", a / b) : "-"; }

std::string noise_table(const Results& results, const std::string& metric) {
  std::string table = fmt::format(
      "Standard error of the live {} lift in points, and what pairing users saves:\n"
      "  {:<{}} {:>12} {:>14} {:>16} {:>16} {:>17}\n",
      upper(metric), "policy", kNameWidth, "paired exact", "paired sampled", "unpaired sampled",
      "unpaired/exact", "unpaired/sampled");
  for (const PolicyResult& policy : results.policies) {
    const auto found = policy.lift.find(metric);
    if (found == policy.lift.end() || policy.name == results.baseline) continue;
    const LiveLift& lift = found->second;
    const double exact = lift.exact_paired_standard_error;
    table += fmt::format(
        "  {:<{}} {:>12.4f} {:>14.4f} {:>16.4f} {:>16} {:>17}\n", short_name(policy.name),
        kNameWidth, 100 * exact, 100 * lift.sampled_paired_standard_error,
        100 * lift.sampled_unpaired_standard_error,
        ratio(lift.sampled_unpaired_standard_error, exact),
        ratio(lift.sampled_unpaired_standard_error, lift.sampled_paired_standard_error));
  }
  return table;
}

}  // namespace

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string out;
  std::string rest = text;
  while (rest.size() > width) {
    std::size_t cut = rest.rfind(' ', width);
    if (cut == std::string::npos || cut <= indent) cut = std::min(width, rest.size());
    out += rest.substr(0, cut) + "\n";
    const std::size_t next = rest.find_first_not_of(' ', cut);
    if (next == std::string::npos) return out;
    rest = std::string(indent, ' ') + rest.substr(next);
  }
  return out + rest + "\n";
}

std::string decision_table(const Scenario& scenario, const Results& results) {
  const GateRule& rule = scenario.gate.rule;
  std::string text = heading(scenario, results) + "\n" + policies_table(results, rule);
  for (const std::string& part :
       {reasons(results, rule), segment_table(results.policies, rule.metric, rule.estimator),
        estimators_table(scenario, results), exploration(results),
        noise_table(results, rule.metric)})
    if (!part.empty()) text += "\n" + part;
  if (results.online) text += "\n" + online_table(*results.online);
  return text;
}

}  // namespace rehearsal
