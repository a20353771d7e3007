#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "scenarios/run_online.h"
#include "scenarios/study_tables.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The runs of one cell, seed by seed.
struct CellRuns {
  std::size_t cell = 0;
  std::vector<const Results*> runs;

  const Results& first() const { return *runs.front(); }
};

const PolicyResult* find(const Results& results, const std::string& name) {
  for (const PolicyResult& policy : results.policies)
    if (policy.name == name) return &policy;
  return nullptr;
}

std::optional<double> lift_of(const PolicyResult& policy, const std::string& metric) {
  const auto found = policy.lift.find(metric);
  if (found == policy.lift.end()) return std::nullopt;
  return found->second.lift.value;
}

std::vector<std::string> metrics_of(const Results& results) {
  std::vector<std::string> metrics;
  for (const PolicyResult& policy : results.policies)
    for (const auto& [metric, value] : policy.live)
      if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end())
        metrics.push_back(metric);
  return metrics;
}

void add_arms(const CellRuns& cell, StudySummary& summary) {
  for (const PolicyResult& policy : cell.first().policies)
    for (const std::string& metric : metrics_of(cell.first())) {
      std::vector<double> lifts;
      for (const Results* run : cell.runs)
        if (const std::optional<double> lift = lift_of(*find(*run, policy.name), metric))
          lifts.push_back(*lift);
      if (!lifts.empty() && policy.name != cell.first().baseline)
        summary.arms.push_back({cell.cell, policy.name, metric, spread_of(lifts)});
    }
}

void add_pairs(const Study& study, const CellRuns& cell, StudySummary& summary) {
  for (const auto& [first, second] : study.pairs)
    for (const std::string& metric : metrics_of(cell.first())) {
      std::vector<double> differences;
      for (const Results* run : cell.runs) {
        // The baseline's lift over itself is 0.
        const auto lift = [&](const std::string& name) {
          return name == run->baseline ? 0.0 : lift_of(*find(*run, name), metric).value_or(NAN);
        };
        differences.push_back(lift(first) - lift(second));
      }
      summary.pairs.push_back({cell.cell, first, second, metric, spread_of(differences)});
    }
}

/// Gathers what an estimator said about one policy or about all.
struct CoverageSum {
  std::size_t values = 0;
  std::size_t values_covered = 0;
  std::size_t lifts_covered = 0;
  double claimed = 0;
  std::vector<double> errors;

  void add(const PolicyResult& policy, const Estimate& estimate, bool baseline) {
    const auto live = policy.live.find(estimate.metric);
    if (live != policy.live.end() && live->second.exact && std::isfinite(estimate.value)) {
      ++values;
      const double truth = live->second.value;
      values_covered += estimate.low <= truth && truth <= estimate.high ? 1 : 0;
    }
    const std::optional<double> lift = lift_of(policy, estimate.metric);
    if (baseline || !lift || !estimate.lift || !std::isfinite(estimate.lift->value)) return;
    lifts_covered += estimate.lift->low <= *lift && *lift <= estimate.lift->high ? 1 : 0;
    errors.push_back(estimate.lift->value - *lift);
    claimed += estimate.lift_standard_error;
  }

  CoverageRow row(std::size_t cell, const std::string& policy, const Estimate& like) const {
    const auto share = [](double part, std::size_t n) {
      return n == 0 ? std::numeric_limits<double>::quiet_NaN() : part / static_cast<double>(n);
    };
    return {cell,
            policy,
            like.estimator,
            like.metric,
            values,
            share(static_cast<double>(values_covered), values),
            errors.size(),
            share(static_cast<double>(lifts_covered), errors.size()),
            spread_of(errors),
            share(claimed, errors.size())};
  }
};

const Estimate* find(const PolicyResult& policy, const Estimate& like) {
  for (const Estimate& estimate : policy.estimates)
    if (estimate.estimator == like.estimator && estimate.metric == like.metric) return &estimate;
  return nullptr;
}

void add_coverage(const CellRuns& cell, StudySummary& summary) {
  const std::vector<PolicyResult>& policies = cell.first().policies;
  const auto with_estimates = std::find_if(policies.begin(), policies.end(),
                                           [](const auto& p) { return !p.estimates.empty(); });
  if (with_estimates == policies.end()) return;
  for (const Estimate& like : with_estimates->estimates) {
    CoverageSum all;
    std::vector<CoverageRow> rows;
    for (const PolicyResult& policy : policies) {
      CoverageSum own;
      const bool baseline = policy.name == cell.first().baseline;
      for (const Results* run : cell.runs) {
        const PolicyResult& there = *find(*run, policy.name);
        const Estimate* estimate = find(there, like);
        if (estimate == nullptr) continue;
        own.add(there, *estimate, baseline);
        all.add(there, *estimate, baseline);
      }
      if (own.values + own.errors.size() > 0) rows.push_back(own.row(cell.cell, policy.name, like));
    }
    summary.coverage.push_back(all.row(cell.cell, "", like));
    summary.coverage.insert(summary.coverage.end(), rows.begin(), rows.end());
  }
}

void add_gate(const CellRuns& cell, StudySummary& summary) {
  GateRow any{cell.cell, "", cell.runs.size(), 0, 0, 0, 0};
  std::vector<GateRow> rows;
  const double one = 1.0 / static_cast<double>(cell.runs.size());
  for (const PolicyResult& policy : cell.first().policies) {
    if (!policy.judged) continue;
    GateRow row{cell.cell, policy.name, cell.runs.size(), 0, 0, 0, 0};
    for (const Results* run : cell.runs) {
      const PolicyResult& there = *find(*run, policy.name);
      row.promote += there.offline_verdict == Verdict::kPromote ? one : 0;
      row.hold += there.offline_verdict == Verdict::kHold ? one : 0;
      row.reject += there.offline_verdict == Verdict::kReject ? one : 0;
      row.wrong +=
          there.offline_verdict == Verdict::kPromote && there.live_verdict == Verdict::kReject ? one
                                                                                               : 0;
    }
    rows.push_back(std::move(row));
  }
  for (const Results* run : cell.runs) {
    bool promoted = false;
    bool wrong = false;
    for (const PolicyResult& policy : run->policies) {
      const bool up = policy.judged && policy.offline_verdict == Verdict::kPromote;
      promoted |= up;
      wrong |= up && policy.live_verdict == Verdict::kReject;
    }
    any.promote += promoted ? one : 0;
    any.wrong += wrong ? one : 0;
  }
  if (rows.empty()) return;
  summary.gate.push_back(any);
  summary.gate.insert(summary.gate.end(), rows.begin(), rows.end());
}

const OnlineResult* find_online(const Results& results, const std::string& name) {
  if (results.online)
    for (const OnlineResult& policy : results.online->policies)
      if (policy.name == name) return &policy;
  return nullptr;
}

void add_regret(const Study& study, const CellRuns& cell, StudySummary& summary) {
  if (!cell.first().online) return;
  std::vector<std::pair<std::string, std::string>> rows;
  for (const OnlineResult& policy : cell.first().online->policies)
    rows.emplace_back(policy.name, "");
  rows.insert(rows.end(), study.pairs.begin(), study.pairs.end());
  const std::pair<const char*, double (*)(const OnlineResult&)> measures[] = {
      {"regret", [](const OnlineResult& p) { return p.total.value; }},
      {"share", [](const OnlineResult& p) { return p.share.value; }},
      {"last_tenth", regret_in_last_tenth}};
  for (const auto& [policy, minus] : rows) {
    // A pair of which one serves in the live experiment alone has no regret.
    if (find_online(cell.first(), policy) == nullptr ||
        (!minus.empty() && find_online(cell.first(), minus) == nullptr))
      continue;
    for (const auto& [measure, of] : measures) {
      std::vector<double> values;
      for (const Results* run : cell.runs)
        values.push_back(of(*find_online(*run, policy)) -
                         (minus.empty() ? 0 : of(*find_online(*run, minus))));
      summary.regret.push_back({cell.cell, policy, minus, measure, spread_of(values)});
    }
  }
}

}  // namespace

double Spread::t() const { return mean / (sd / std::sqrt(static_cast<double>(n))); }

Spread spread_of(const std::vector<double>& values) {
  Spread spread;
  spread.n = values.size();
  spread.sd = std::numeric_limits<double>::quiet_NaN();
  if (values.empty()) {
    spread.mean = std::numeric_limits<double>::quiet_NaN();
    return spread;
  }
  for (const double value : values) spread.mean += value;
  spread.mean /= static_cast<double>(values.size());
  if (values.size() < 2) return spread;
  double squares = 0;
  for (const double value : values) squares += (value - spread.mean) * (value - spread.mean);
  spread.sd = std::sqrt(squares / static_cast<double>(values.size() - 1));
  return spread;
}

StudySummary summarize(const Study& study, const std::vector<StudyJob>& jobs,
                       const std::vector<Results>& results) {
  REHEARSAL_CHECK(jobs.size() == results.size());
  StudySummary summary;
  summary.name = study.name;
  summary.n_seeds = study.seeds.size();
  const std::vector<StudyCell> cells = study.cells();
  for (std::size_t c = 0; c < cells.size(); ++c) {
    std::string text;
    for (const auto& [key, value] : cells[c])
      text += (text.empty() ? "" : ", ") + key + "=" + value;
    summary.cells.push_back(text);
    CellRuns runs{c, {}};
    for (std::size_t j = 0; j < jobs.size(); ++j)
      if (jobs[j].cell == c) runs.runs.push_back(&results[j]);
    add_arms(runs, summary);
    add_pairs(study, runs, summary);
    add_coverage(runs, summary);
    add_gate(runs, summary);
    add_regret(study, runs, summary);
  }
  return summary;
}

}  // namespace rehearsal
