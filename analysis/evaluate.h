#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "analysis/results.h"
#include "sim/core/progress.h"
#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "sim/policy.h"

namespace rehearsal {

struct EvaluateOptions {
  std::vector<std::string> metrics{"ctr", "ptr"};
  std::vector<std::string> estimators;  // names of analysis/estimators.cc; empty: all that apply
  std::string interval = "normal";      // or "bootstrap" (by user, Poisson, one pass)
  std::int64_t n_bootstrap = 200;
  double confidence = 0.95;
  std::string log_subset = "all";  // "all", or the name of a behaviour component: its rounds
                                   // alone, with that component's propensities
  int threads = 0;
  ProgressSink* progress = nullptr;
};

/// A policy to be judged.
struct Candidate {
  std::string name;
  const Policy* policy = nullptr;
};

/// Off-policy scores of every candidate from a page log, streamed shard by shard; memory does not
/// grow with the log and no byte depends on threads.
/// Args: behavior: the policy that wrote the log; needed by the pseudo-inverse and by a log_subset
///       (null: they say why they do not apply).  baseline: index into candidates whose value lifts
///       are relative to, or -1.  rng: bootstrap weights and cross-fitting folds.
/// Returns: estimates[candidate], in the order metrics x estimators.
std::vector<std::vector<Estimate>> evaluate(const LogReader& log,
                                            const std::vector<Candidate>& candidates,
                                            const Policy* behavior, int baseline, const Rng& rng,
                                            const EvaluateOptions& options);

/// AUC of click and purchase, NDCG and MRR of modules per page, for policies that score modules, on
/// the rounds of one behaviour component ("" for all). Keys: "auc_click", "ndcg", "mrr".
std::map<std::string, double> ranking_metrics(const LogReader& log, const Policy& policy,
                                              const std::string& component);

}  // namespace rehearsal
