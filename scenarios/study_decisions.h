#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scenarios/study.h"

namespace rehearsal {

/// What the gate made of candidates from logs of one size by one estimator, beside what the exact
/// truth says: promote where the live lifts reach the gate's limits, else reject.
struct DecisionRow {
  std::size_t cell = 0;
  std::string estimator;
  double pages = 0;          // that the estimator saw, on average over users drawn
  std::size_t n = 0;         // candidates, of all worlds
  double right = 0;          // shares of them: as the truth has it,
  double wrong_promote = 0;  // promoted where the truth rejects,
  double wrong_reject = 0;   // rejected where the truth promotes,
  double hold = 0;           // left open
  /// Lift that is missed by showing what the gate lets through with the highest estimate, the
  /// baseline where it lets nothing through, in place of the best; mean over worlds.
  double regret = 0;

  /// 2 standard errors of a share.
  double two_errors(double share) const;
};

/// Pages that an estimator needs to decide four of five candidates.
struct PagesRow {
  std::size_t cell = 0;
  std::string estimator;
  double found = 0;      // between the sizes looked at; NaN where the largest does not reach it
  double projected = 0;  // from true lifts and claimed errors falling as 1 / sqrt(pages)
  double factor = 0;     // of slot-wise importance weights' projection over this one's
};

struct DecisionTables {
  std::vector<DecisionRow> decisions;
  std::vector<PagesRow> pages;
};

/// Args: by_size: [job][size] results at each of the study's sizes.
DecisionTables decide_all(const Study& study, const std::vector<StudyJob>& jobs,
                          const std::vector<std::vector<Results>>& by_size);

/// Of one cell; "" where nothing was decided.
std::string decisions_text(const DecisionTables& tables, std::size_t cell);
/// Adds decisions.csv and pages.csv. Args: cells: texts of the study's cells, quoted for CSV.
void add_decisions_csv(const DecisionTables& tables, const std::vector<std::string>& cells,
                       std::map<std::string, std::string>& files);

}  // namespace rehearsal
