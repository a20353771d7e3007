#include "scenarios/study_decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/estimators.h"
#include "analysis/intervals.h"
#include "sim/core/error.h"
#include "sim/core/normal.h"

namespace rehearsal {

namespace {

constexpr double kAsked = 0.8;  // share of candidates to be decided
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr const char* kSlotWise = "iips";

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// A candidate's true lifts put to the gate's limits, in standard errors of an estimator.
struct Margin {
  double strength = 0;  // of the decision that the truth gives
  double pages = 0;     // that the standard errors are from
  double z = 0;         // strength that the gate asks for
};

/// What one world's log of one size gave.
struct JudgedWorld {
  std::vector<PolicyResult> judged;  // with verdicts from the log and from the truth
  GateRule rule;
  double pages = 0;
};

/// Verdicts by one estimator; the truth has no standard error, so that it never holds.
JudgedWorld judge(const Scenario& scenario, Results results, const std::string& estimator,
                  double part) {
  JudgedWorld world;
  world.rule = scenario.gate.rule;
  world.rule.estimator = estimator;
  const double share = scenario.log.train_share < 1 ? 1 - scenario.log.train_share : 1;
  world.pages = static_cast<double>(scenario.log.pages) * share * part;
  for (PolicyResult& policy : results.policies)
    for (auto& [metric, lift] : policy.lift)
      lift.exact_paired_standard_error = lift.sampled_paired_standard_error = 0;
  apply_gate(world.rule, results.policies);
  for (PolicyResult& policy : results.policies)
    if (policy.judged) world.judged.push_back(std::move(policy));
  return world;
}

const Estimate& estimate_of(const PolicyResult& policy, const GateRule& rule,
                            const std::string& metric) {
  for (const Estimate& estimate : policy.estimates)
    if (estimate.estimator == rule.estimator && estimate.metric == metric) return estimate;
  REHEARSAL_CHECK(false);  // the gate has refused before
}

/// The truth's strength for its own verdict, as the gate has it for an estimate's.
double strength_of(const PolicyResult& policy, const GateRule& rule) {
  std::map<std::string, double> limits = rule.guardrails;
  limits[rule.metric] = rule.min_lift;
  double least = std::numeric_limits<double>::infinity(), most = -least;
  for (const auto& [metric, limit] : limits) {
    const double above = policy.lift.at(metric).lift.value - limit;
    const double error = estimate_of(policy, rule, metric).lift_standard_error;
    const double strength = error > 0 ? above / error : 0;
    least = std::min(least, strength);
    most = std::max(most, -strength);
  }
  return policy.live_verdict == Verdict::kPromote ? least : most;
}

double regret_of(const JudgedWorld& world) {
  double best = 0, chosen = 0, highest = -std::numeric_limits<double>::infinity();
  for (const PolicyResult& policy : world.judged) {
    const double lift = policy.lift.at(world.rule.metric).lift.value;
    if (policy.live_verdict == Verdict::kPromote) best = std::max(best, lift);
    if (policy.offline_verdict != Verdict::kPromote) continue;
    const double estimated = estimate_of(policy, world.rule, world.rule.metric).lift->value;
    if (estimated > highest) {
      highest = estimated;
      chosen = lift;
    }
  }
  return best - chosen;
}

DecisionRow row_of(std::size_t cell, const std::string& estimator,
                   const std::vector<JudgedWorld>& worlds) {
  DecisionRow row;
  row.cell = cell;
  row.estimator = estimator;
  for (const JudgedWorld& world : worlds) {
    row.pages += world.pages / static_cast<double>(worlds.size());
    row.regret += regret_of(world) / static_cast<double>(worlds.size());
    for (const PolicyResult& policy : world.judged) {
      ++row.n;
      row.right += policy.offline_verdict == policy.live_verdict ? 1 : 0;
      row.hold += policy.offline_verdict == Verdict::kHold ? 1 : 0;
      if (policy.offline_verdict == policy.live_verdict) continue;
      row.wrong_promote += policy.offline_verdict == Verdict::kPromote ? 1 : 0;
      row.wrong_reject += policy.offline_verdict == Verdict::kReject ? 1 : 0;
    }
  }
  for (double* count : {&row.right, &row.hold, &row.wrong_promote, &row.wrong_reject})
    *count /= static_cast<double>(row.n);
  return row;
}

/// The candidates of the largest log, at the level of Bonferroni's correction, which Holm's never
/// falls below.
std::vector<Margin> margins_of(const std::vector<JudgedWorld>& worlds) {
  std::vector<Margin> margins;
  for (const JudgedWorld& world : worlds) {
    const double m = world.rule.correction == "none" ? 1 : static_cast<double>(world.judged.size());
    const double z = normal_quantile(1 - (1 - world.rule.confidence) / (2 * m));
    for (const PolicyResult& policy : world.judged)
      margins.push_back({strength_of(policy, world.rule), world.pages, z});
  }
  return margins;
}

/// Pages at which the asked share is decided as the truth has it; infinite where none do.
double projected_pages(const std::vector<Margin>& margins) {
  const auto decided = [&](double pages) {
    double sum = 0;
    for (const Margin& m : margins)
      sum += normal_cdf(m.strength * std::sqrt(pages / m.pages) - m.z);
    return sum / static_cast<double>(margins.size());
  };
  double low = 0, high = 60;  // of log2(pages)
  if (decided(std::exp2(high)) < kAsked) return std::numeric_limits<double>::infinity();
  for (int step = 0; step < 60; ++step) {
    const double middle = 0.5 * (low + high);
    (decided(std::exp2(middle)) < kAsked ? low : high) = middle;
  }
  return std::exp2(high);
}

/// Where the share of right decisions crosses what is asked, linear in the logarithm of pages.
/// Args: rows: of one estimator, sizes ascending.
double found_pages(const std::vector<DecisionRow>& rows) {
  for (std::size_t s = 0; s < rows.size(); ++s) {
    if (rows[s].right < kAsked) continue;
    if (s == 0) return rows[s].pages;
    const double at = (kAsked - rows[s - 1].right) / (rows[s].right - rows[s - 1].right);
    return rows[s - 1].pages * std::pow(rows[s].pages / rows[s - 1].pages, at);
  }
  return kNaN;
}

std::string pages_text(double pages) {
  if (std::isnan(pages)) return "-";
  return pages < 1e9 ? fmt::format("{:.0f}", pages) : fmt::format("{:.1e}", pages);
}

std::string csv_number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : "";
}

}  // namespace

double DecisionRow::two_errors(double share) const {
  return 2 * std::sqrt(share * (1 - share) / static_cast<double>(n));
}

DecisionTables decide_all(const Study& study, const std::vector<StudyJob>& jobs,
                          const std::vector<std::vector<Results>>& by_size) {
  REHEARSAL_CHECK(jobs.size() == by_size.size());
  DecisionTables tables;
  for (std::size_t cell = 0; cell < study.cells().size(); ++cell) {
    const auto first = std::find_if(jobs.begin(), jobs.end(),
                                    [&](const StudyJob& job) { return job.cell == cell; });
    double slot_wise = kNaN;
    const std::size_t first_pages = tables.pages.size();
    for (const std::string& estimator : first->scenario.estimate.estimators) {
      std::vector<DecisionRow> rows;
      std::vector<JudgedWorld> worlds;
      for (std::size_t s = 0; s < study.sizes.size(); ++s) {
        worlds.clear();
        for (std::size_t j = 0; j < jobs.size(); ++j)
          if (jobs[j].cell == cell)
            worlds.push_back(judge(jobs[j].scenario, by_size[j][s], estimator, study.sizes[s]));
        rows.push_back(row_of(cell, estimator, worlds));
      }
      // A model's claimed errors leave out that it is wrong: nothing follows from them.
      const EstimatorEntry* entry = estimators().find(estimator);  // null: a choice among several
      const bool model_alone = entry != nullptr && entry->needs == std::vector<Need>{Need::kQHat};
      const double projected = model_alone ? kNaN : projected_pages(margins_of(worlds));
      if (estimator == kSlotWise) slot_wise = projected;
      tables.pages.push_back({cell, estimator, found_pages(rows), projected, 0});
      tables.decisions.insert(tables.decisions.end(), rows.begin(), rows.end());
    }
    for (std::size_t p = first_pages; p < tables.pages.size(); ++p)
      tables.pages[p].factor = slot_wise / tables.pages[p].projected;
  }
  return tables;
}

std::string decisions_text(const DecisionTables& tables, std::size_t cell) {
  std::string text;
  for (const DecisionRow& row : tables.decisions)
    if (row.cell == cell)
      text += fmt::format("  {:<10} {:>10} {:>7.1f} {:>14} {:>14} {:>7.1f} {:>12.2f} {:>5}\n",
                          row.estimator, pages_text(row.pages), 100 * row.right,
                          fmt::format("{:.1f} +- {:.1f}", 100 * row.wrong_promote,
                                      100 * row.two_errors(row.wrong_promote)),
                          fmt::format("{:.1f} +- {:.1f}", 100 * row.wrong_reject,
                                      100 * row.two_errors(row.wrong_reject)),
                          100 * row.hold, 100 * row.regret, row.n);
  if (text.empty()) return "";
  text =
      fmt::format("\n  {:<10} {:>10} {:>7} {:>14} {:>14} {:>7} {:>12} {:>5}\n", "decisions",
                  "pages", "right,%", "wrong promote", "wrong reject", "hold", "regret, pts", "n") +
      text +
      "  (the gate from the log alone against the exact truth; shares of candidates with 2 "
      "standard errors)\n" +
      fmt::format("\n  {:<10} {:>14} {:>14} {:>16}\n", "80 % right", "found, pages", "projected",
                  "factor over iips");
  for (const PagesRow& row : tables.pages)
    if (row.cell == cell)
      text += fmt::format("  {:<10} {:>14} {:>14} {:>16}\n", row.estimator, pages_text(row.found),
                          pages_text(row.projected),
                          std::isfinite(row.factor) ? fmt::format("{:.2f}", row.factor) : "-");
  return text +
         "  (projected: from the true lifts and the claimed errors of the largest log; none "
         "for a model alone)\n";
}

void add_decisions_csv(const DecisionTables& tables, const std::vector<std::string>& cells,
                       std::map<std::string, std::string>& files) {
  if (tables.decisions.empty()) return;
  std::string decisions = "cell,estimator,pages,n,right,wrong_promote,wrong_reject,hold,regret\n";
  for (const DecisionRow& row : tables.decisions)
    decisions += fmt::format("{},{},{},{},{},{},{},{},{}\n", cells[row.cell], row.estimator,
                             csv_number(row.pages), row.n, csv_number(row.right),
                             csv_number(row.wrong_promote), csv_number(row.wrong_reject),
                             csv_number(row.hold), csv_number(row.regret));
  std::string pages = "cell,estimator,found,projected,factor\n";
  for (const PagesRow& row : tables.pages)
    pages += fmt::format("{},{},{},{},{}\n", cells[row.cell], row.estimator, csv_number(row.found),
                         csv_number(row.projected), csv_number(row.factor));
  files["decisions.csv"] = decisions;
  files["pages.csv"] = pages;
}

}  // namespace rehearsal
