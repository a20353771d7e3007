#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "scenarios/suite/facts.h"

namespace rehearsal {

/// What a case gave when its baseline was stored.
struct CaseBaseline {
  std::int64_t first_seed = 1;  // whose run the golden scores are
  std::map<std::string, std::map<std::string, std::vector<double>>> lifts;  // policy, metric: runs
  std::map<std::string, Golden> golden;                                     // by policy
};

/// The stored baseline of a suite: a JSON file, schema "rehearsal.baseline/1".
struct Baseline {
  std::string version;  // of the program that stored it
  std::map<std::string, CaseBaseline> cases;
};

/// What a suite's checks need of the facts. Args: facts: one a case.
Baseline baseline_of(const Suite& suite, const std::vector<CaseFacts>& facts);

/// The stored baselines of a suite's cases, wherever each stands.
/// Raises: Error(kInput) as load_baseline, and for a folder that is no whole run.
Baseline load_baselines(const Suite& suite);
/// Stores what was found where load_baselines looks for it: a case's results.json is that of its
/// first run, a run's folder becomes the first run's results, scenario and policies, without its
/// log.
/// Raises: Error(kRuntime) when one cannot be written; Error(kInput) for a folder of something
/// else.
void save_baselines(const Suite& suite, const std::vector<CaseFacts>& facts);

/// Same baseline, same bytes. Raises: Error(kRuntime) when it cannot be written.
void save_baseline(const std::filesystem::path& file, const Baseline& baseline);
/// Raises: Error(kInput) for a missing file, one that is no baseline, a key of another kind.
Baseline load_baseline(const std::filesystem::path& file);

}  // namespace rehearsal
