#pragma once

#include <map>
#include <string>
#include <vector>

#include "scenarios/study.h"
#include "scenarios/study_decisions.h"

namespace rehearsal {

/// Mean over seeds, standard deviation between seeds, t = mean / (sd / sqrt(n)).
struct Spread {
  std::size_t n = 0;
  double mean = 0;
  double sd = 0;  // NaN for n < 2
  double t() const;
};
Spread spread_of(const std::vector<double>& values);

struct ArmRow {
  std::size_t cell = 0;
  std::string policy;
  std::string metric;
  Spread lift;  // exact live lift over the baseline
};

struct PairRow {
  std::size_t cell = 0;
  std::string first;
  std::string second;
  std::string metric;
  Spread difference;  // lift of first minus lift of second, seed by seed
};

/// Intervals of one estimator against the exact live truth. Policy "" stands for all together.
struct CoverageRow {
  std::size_t cell = 0;
  std::string policy;
  std::string estimator;
  std::string metric;
  std::size_t n_values = 0;
  double value_coverage = 0;  // share of intervals that hold the true value
  std::size_t n_lifts = 0;
  double lift_coverage = 0;
  Spread lift_error;               // estimated lift - true lift
  double lift_standard_error = 0;  // mean of those the estimator claims
};

struct GateRow {
  std::size_t cell = 0;
  std::string policy;  // "": any candidate at all
  std::size_t n = 0;
  double promote = 0;  // shares of offline verdicts; of "": at least one candidate promoted
  double hold = 0;
  double reject = 0;
  double wrong = 0;  // promoted offline and rejected by the live truth
};

/// What a policy lost in the online experiment, from seed to seed.
struct RegretRow {
  std::size_t cell = 0;
  std::string policy;
  std::string minus;    // of a study's pair: what it lost less what this one lost; "": alone
  std::string measure;  // regret: of the metric, in all; share: of the first policy's; last_tenth
  Spread value;
};

/// A study in numbers. `cells` are texts such as "log.pages=400000".
struct StudySummary {
  std::string name;
  std::vector<std::string> cells;
  std::size_t n_seeds = 0;
  std::vector<ArmRow> arms;
  std::vector<PairRow> pairs;
  std::vector<CoverageRow> coverage;
  std::vector<GateRow> gate;
  std::vector<RegretRow> regret;  // empty unless the scenario has an online experiment
  DecisionTables decided;         // empty unless the study names sizes
};

/// Args: results: in the order of the jobs.
StudySummary summarize(const Study& study, const std::vector<StudyJob>& jobs,
                       const std::vector<Results>& results);

std::string to_text(const StudySummary& summary);
std::string to_json(const StudySummary& summary);
/// File name ("arms.csv") to contents.
std::map<std::string, std::string> to_csv(const StudySummary& summary);

}  // namespace rehearsal
