#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/outcome.h"
#include "analysis/results.h"
#include "sim/core/progress.h"
#include "sim/core/rng.h"
#include "sim/log/log.h"
#include "sim/log/source.h"
#include "sim/outcome_model.h"
#include "sim/policy.h"

namespace rehearsal {

struct EvaluateOptions {
  std::vector<std::string> metrics{"ctr", "ptr"};
  /// Names of analysis/estimators.cc, "auto" and "FAMILY_auto"; empty: all that apply.
  std::vector<std::string> estimators;
  std::string selection = "slope";  // of analysis/estimator_choice.cc: how "auto" chooses
  std::string interval = "normal";  // of analysis/interval_kinds.cc
  std::int64_t n_bootstrap = 200;
  std::vector<double> reward_range;  // {low, high} of a round's reward, known beforehand; or empty
  double max_weight = 0;             // largest importance weight possible; 0: not known
  double confidence = 0.95;
  std::string log_subset = "all";  // "all", or the name of a behaviour component: its rounds
                                   // alone, with that component's propensities
  const Policy* subset_behavior = nullptr;  // that component's policy
  /// Of a cell's own row, the items that count at least, for estimators of cells but cell_marginal:
  /// as many as are visible at first where these decide whether the row is looked at.
  std::int64_t columns_of_row = 0;
  OutcomeOptions outcome;  // how q_hat is fitted
  /// q_hat by metric; a metric without one gets one fitted by `outcome`.
  std::map<std::string, std::shared_ptr<const OutcomeModel>> outcome_models;
  /// Set: values are returns per session, sum_t gamma^t r_t with this gamma in [0, 1], by the
  /// estimators of analysis/sessions.h; the weights are those of whole pages.
  std::optional<double> session_discount{};
  std::int64_t cdf_points = 100;  // most of a return's distribution function; 0: all that it has
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
/// Args: info: of the log; its behavior_components name subsets.
///       behavior: the policy that wrote the log; needed by the pseudo-inverse, by random item
///       orders and to see missing support (null: pi is left out).  baseline: index into
///       candidates whose value lifts are relative to, or -1.  rng: bootstrap weights and
///       cross-fitting folds.
/// Returns: estimates[candidate], in the order metrics x estimators.
/// Raises: Error(kInput) for unknown names, and for a log that lacks what an estimator needs.
std::vector<std::vector<Estimate>> evaluate(const RoundSource& rounds, const LogInfo& info,
                                            const std::vector<Candidate>& candidates,
                                            const Policy* behavior, int baseline, const Rng& rng,
                                            const EvaluateOptions& options);
/// The same from a log on disk.
inline std::vector<std::vector<Estimate>> evaluate(const LogReader& log,
                                                   const std::vector<Candidate>& candidates,
                                                   const Policy* behavior, int baseline,
                                                   const Rng& rng, const EvaluateOptions& options) {
  return evaluate(source_of(log), log.info(), candidates, behavior, baseline, rng, options);
}

/// How well a policy's order agrees with the responses, on the rounds of one behaviour component
/// ("" for all). A shown module's score is how high the policy is expected to put it,
/// sum_k (n_positions - k) P(m at k); ties share their ranks. Keys: "auc_click" and "auc_purchase"
/// (pairs of a success and a failure on one page), "ndcg" and "mrr" (pages with a click, by the
/// shown modules); a key is left out where nothing was clicked or purchased.
std::map<std::string, double> ranking_metrics(const RoundSource& rounds, const LogInfo& info,
                                              const Policy& policy, const std::string& component);
inline std::map<std::string, double> ranking_metrics(const LogReader& log, const Policy& policy,
                                                     const std::string& component) {
  return ranking_metrics(source_of(log), log.info(), policy, component);
}

}  // namespace rehearsal
