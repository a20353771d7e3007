#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "scenarios/distillation/comparison.h"
#include "scenarios/distillation/off_policy.h"

namespace rehearsal {

namespace {

/// Offline figures of Ranganathan et al. (RecSys 2025, arXiv 2603.28994): AUC in points, R2 as it
/// is. The published student has auxiliary heads on the homepage, a non-serving one on the radio.
const std::map<std::string, double> kPublished{
    {"homepage.control.click_auc", 79.34},     {"homepage.control.trail_r2", 0.312},
    {"homepage.control.discovery_auc", 76.06}, {"homepage.teacher.click_auc", 75.40},
    {"homepage.teacher.trail_r2", 0.267},      {"homepage.auxiliary.click_auc", 79.55},
    {"homepage.auxiliary.trail_r2", 0.320},    {"homepage.auxiliary.discovery_auc", 76.22},
    {"radio.control.engagement_auc", 90.30},   {"radio.non_serving.engagement_auc", 91.38},
};

/// Live lifts of the same source, per cent in two weeks.
const std::map<std::string, double> kPublishedLift{
    {"homepage.auxiliary.engagement", 0.58},
    {"homepage.auxiliary.discovery", 1.12},
    {"homepage.auxiliary.new_release_engagement", 11.39},
    {"radio.non_serving.engagement", 0.70},
    {"radio.non_serving.discovery", 2.13},
    {"radio.non_serving.new_release_engagement", 0.96},
};

bool ends_with(const std::string& text, const std::string& end) { return text.ends_with(end); }

/// The metrics that the tables show; the others stand in results.json.
bool shown(const std::string& metric) {
  for (const char* end : {"_auc", "_auc_new", "_r2", "_r2_new", "_calibration"})
    if (ends_with(metric, end)) return true;
  return false;
}

double scale_of(const std::string& metric) {
  return metric.find("_auc") != std::string::npos ? 100 : 1;
}

std::string number(double value, const char* format) {
  return std::isfinite(value) ? fmt::format(fmt::runtime(format), value) : std::string("-");
}

std::string published(const std::map<std::string, double>& table, const std::string& key,
                      const char* format) {
  const auto found = table.find(key);
  return found == table.end() ? "" : fmt::format(fmt::runtime(format), found->second);
}

std::string line(const std::string& arm, const std::string& metric, double value,
                 const std::string& source, const Spread& gain, const std::string& source_gain) {
  const char* format = scale_of(metric) == 100 ? "{:.2f}" : "{:.3f}";
  const char* signed_format = scale_of(metric) == 100 ? "{:+.2f}" : "{:+.4f}";
  return fmt::format("  {:<28} {:<22} {:>8} {:>9}  {:>8} {:>8} {:>7} {:>9}\n", arm, metric,
                     number(value, format), source, number(gain.mean, signed_format),
                     number(gain.sd, scale_of(metric) == 100 ? "{:.2f}" : "{:.4f}"),
                     number(gain.t(), "{:.2f}"), source_gain);
}

/// Student and arm of "STUDENT.ARM".
std::pair<std::string, std::string> split(const std::string& name) {
  const std::size_t dot = name.find('.');
  return {name.substr(0, dot), name.substr(dot + 1)};
}

std::string offline_table(const Runs& runs) {
  std::string text =
      fmt::format("  {:<28} {:<22} {:>8} {:>9}  {:>8} {:>8} {:>7} {:>9}\n", "student.arm", "metric",
                  "ours", "published", "gain", "sd", "t", "published");
  for (const PolicyResult& policy : runs[0]->policies) {
    const auto [student, arm] = split(policy.name);
    for (const auto& [metric, ignored] : policy.offline) {
      if (!shown(metric)) continue;
      const double scale = scale_of(metric);
      const Measure own{student, arm, metric, scale};
      const Measure control{student, "control", metric, scale};
      const Spread gain = arm == "control" ? spread_of({}) : difference(runs, own, control);
      const auto base = kPublished.find(student + ".control." + metric);
      const auto there = kPublished.find(policy.name + "." + metric);
      const bool both = arm != "control" && base != kPublished.end() && there != kPublished.end();
      text += line(
          policy.name, metric,
          spread_of_runs(runs, [&](const Results& run) { return value_of(run, own); }).mean,
          published(kPublished, policy.name + "." + metric, scale == 100 ? "{:.2f}" : "{:.3f}"),
          gain,
          both ? number(there->second - base->second, scale == 100 ? "{:+.2f}" : "{:+.3f}") : "");
    }
  }
  return text;
}

std::string live_table(const Runs& runs) {
  std::string text;
  for (const PolicyResult& policy : runs[0]->policies) {
    const auto [student, arm] = split(policy.name);
    if (arm == "control") continue;
    for (const auto& [metric, lift] : policy.lift) {
      if (ends_with(metric, kFrozen)) continue;
      const Spread spread = spread_of_runs(runs, [&, metric = metric](const Results& run) {
        return 100 * lift_of(run, student, arm, metric);
      });
      text += fmt::format("  {:<28} {:<22} {:>8} {:>9}  {:>8} {:>7}  [{:+.2f}, {:+.2f}]\n",
                          policy.name, metric, number(spread.mean, "{:+.2f}"),
                          published(kPublishedLift, policy.name + "." + metric, "{:+.2f}"),
                          number(spread.sd, "{:.2f}"), number(spread.t(), "{:.2f}"),
                          100 * lift.lift.low, 100 * lift.lift.high);
    }
  }
  if (text.empty()) return "";
  return fmt::format("\n  {:<28} {:<22} {:>8} {:>9}  {:>8} {:>7}  {}\n", "live, closed loop",
                     "metric", "lift, %", "published", "sd", "t", "users' interval, first world") +
         text;
}

/// The same estimate of the same arm in another run; null where there is none with a lift.
const Estimate* find_estimate(const Results& run, const std::string& arm, const Estimate& like) {
  for (const PolicyResult& policy : run.policies)
    for (const Estimate& own : policy.estimates)
      if (policy.name == arm && own.metric == like.metric && own.estimator == like.estimator &&
          own.lift)
        return &own;
  return nullptr;
}

std::string off_policy_line(const Runs& runs, const PolicyResult& policy, const Estimate& like) {
  const auto [student, arm] = split(policy.name);
  std::vector<double> estimates, truths, effective;
  std::size_t covered = 0, warned = 0;
  for (const Results* run : runs) {
    const Estimate* own = find_estimate(*run, policy.name, like);
    if (own == nullptr) continue;
    const double truth = lift_of(*run, student, arm, like.metric);
    estimates.push_back(100 * own->lift->value);
    truths.push_back(100 * truth);
    effective.push_back(own->ess);
    warned += own->warnings.empty() ? 0 : 1;
    covered += own->lift->low <= truth && truth <= own->lift->high ? 1 : 0;
  }
  const std::string metric = like.metric.substr(0, like.metric.rfind(kFrozen));
  const Spread estimated = spread_of(estimates);
  return fmt::format("  {:<28} {:<22} {:>9} {:>8} {:>7} {:>8}  {:>7} {:>7} {:>9.0f}\n", policy.name,
                     metric, like.estimator, number(estimated.mean, "{:+.2f}"),
                     number(estimated.sd, "{:.2f}"), number(spread_of(truths).mean, "{:+.2f}"),
                     fmt::format("{}/{}", covered, estimates.size()),
                     fmt::format("{}/{}", warned, estimates.size()), spread_of(effective).mean);
}

std::string off_policy_table(const Runs& runs) {
  std::string text;
  for (const PolicyResult& policy : runs[0]->policies)
    for (const Estimate& estimate : policy.estimates)
      if (split(policy.name).second != "control" && estimate.lift)
        text += off_policy_line(runs, policy, estimate);
  if (text.empty()) return "";
  return fmt::format("\n  {:<28} {:<22} {:>9} {:>8} {:>7} {:>8}  {:>7} {:>7} {:>9}\n",
                     "from the control's log", "metric", "estimator", "lift, %", "sd", "live, %",
                     "covered", "warned", "ess") +
         text;
}

}  // namespace

std::string arms_table(const Runs& runs) {
  return offline_table(runs) + off_policy_table(runs) + live_table(runs);
}

}  // namespace rehearsal
