#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "analysis/results.h"
#include "scenarios/suite/suite.h"
#include "sim/core/arrays.h"
#include "sim/policy.h"

namespace rehearsal {

/// What a policy decides on a case's first requests, and what it learnt.
struct Golden {
  std::vector<std::vector<std::string>> pages;  // names of the modules, a request each
  std::vector<double> pscore;                   // of each page
  Arrays state;
};

/// What a case's checks look at.
struct CaseFacts {
  std::filesystem::path first_run;                        // its folder
  std::vector<Results> runs;                              // one a seed
  std::map<std::string, std::string> propensity_problem;  // by policy; "": none
  std::map<std::string, double> p99_seconds;
  std::map<std::string, Golden> golden;

  /// A policy's live lifts, one a run. Raises: Error(kInput) when it has none of this metric.
  std::vector<double> lifts(const std::string& policy, const std::string& metric) const;
};

/// Runs a case at its seeds into `out`, and measures the first run's saved policies.
CaseFacts facts_of(const SuiteCase& one, const std::filesystem::path& out,
                   const StudyOptions& options);

/// What the saved policies of a run decide, those that the case's golden_scores name.
/// Raises: Error(kInput) where the folder is no whole run or lacks a policy.
std::map<std::string, Golden> golden_of_run(const SuiteCase& one, const std::filesystem::path& run);

/// What is wrong with a policy's probabilities on some requests, or "": pages of eligible modules
/// without repetition; marginals that sum to 1; the page's probability in (0, 1] and the same when
/// it is asked for again.
std::string propensity_problem(const Policy& policy, const RequestBatch& requests, const Rng& rng);

}  // namespace rehearsal
