#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "analysis/calibration.h"

namespace rehearsal {

/// A number with its interval. `stderr_` is 0 and the bounds equal the value when it is exact.
struct Interval {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// What one estimator says of one policy and metric.
struct Estimate {
  std::string estimator;
  std::string metric;
  double value = 0;
  double standard_error = 0;
  double low = 0;
  double high = 0;
  double confidence = 0.95;
  std::optional<Interval> lift;  // relative to the baseline, paired round by round
  double lift_standard_error = 0;
  double ess = 0;  // effective sample size of its weights, rounds
  double max_weight = 0;
  Interval mean_weight{1, 1, 1};     // must hold 1; of the slot where it stands furthest off
  double zero_weight_share = 0;      // of the rounds; of the slot with most
  std::optional<double> pareto_k;    // of the slot with the heaviest tail; none: no tail to fit
  std::optional<Calibration> q_hat;  // of the reward model, on what was shown; none: not used
  std::vector<std::string> warnings;
};

/// A live metric: exact expected value of the shown pages, or of sampled users.
struct LiveMetric {
  double value = 0;
  double standard_error = 0;
  bool exact = false;
};

/// Lift over the baseline by three ways of looking, for one metric.
struct LiveLift {
  Interval lift;                           // what the verdict uses: paired, exact where possible
  double exact_paired_standard_error = 0;  // 0 where there is no closed form
  double sampled_paired_standard_error = 0;
  double sampled_unpaired_standard_error = 0;  // an A/B test that splits the same users in two
  Interval ab;                                 // the sampled A/B test's lift
};

enum class Verdict { kPromote, kHold, kReject };
std::string to_string(Verdict verdict);

struct PolicyResult {
  std::string name;
  std::string type;
  std::map<std::string, double> offline;  // AUC, NDCG ... on the exploration bucket
  std::vector<Estimate> estimates;
  std::map<std::string, LiveMetric> live;
  std::map<std::string, LiveLift> lift;
  Verdict offline_verdict = Verdict::kHold;
  Verdict live_verdict = Verdict::kHold;
  bool judged = false;  // the baseline and oracle arms are not candidates
  std::string reason;
};

/// What a run found: results.json, schema "rehearsal.results/1".
struct Results {
  std::string scenario;
  std::uint64_t seed = 0;
  std::string version;
  std::uint64_t log_rounds = 0;
  std::uint64_t log_impressions = 0;
  std::string behavior_policy;
  std::string baseline;
  std::vector<PolicyResult> policies;
};

/// Deterministic text: same results, same bytes. Raises: from_json Error(kInput) naming the key.
std::string to_json(const Results& results);
Results from_json(const std::string& text, const std::string& file);

}  // namespace rehearsal
