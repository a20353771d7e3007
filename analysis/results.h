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

/// One of those that a choice was made among.
struct Considered {
  std::string estimator;
  double value = 0;
  double score = 0;  // as Choice::measure says
};

/// Which estimator stands behind an estimate called "auto", and why.
struct Choice {
  std::string estimator;               // "dr_clip_2"
  std::string rule;                    // "slope"
  std::string reason;                  // one sentence
  std::string measure = "half_width";  // of `score`; or "rmse"
  std::vector<Considered> considered;
};

/// How surprising a lift would be if there were none, corrected for being one of several.
struct LiftTest {
  double p_value = 1;     // two-sided, normal
  double p_adjusted = 1;  // at most alpha: significant among all `comparisons`
  std::string correction;
  std::uint64_t comparisons = 1;
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
  std::optional<LiftTest> lift_test;  // in segments
  double ess = 0;                     // effective sample size of its weights, rounds
  double max_weight = 0;
  Interval mean_weight{1, 1, 1};     // must hold 1; of the slot where it stands furthest off
  double zero_weight_share = 0;      // of the rounds; of the slot with most
  std::optional<double> pareto_k;    // of the slot with the heaviest tail; none: no tail to fit
  std::optional<Calibration> q_hat;  // of the reward model, on what was shown; none: not used
  std::vector<std::string> warnings;
  std::optional<Choice> choice;  // where the estimator was chosen
};

/// Estimates from the rounds where a context feature has one level.
struct SegmentEstimates {
  std::string feature;
  std::string level;
  std::uint64_t rounds = 0;
  std::vector<Estimate> estimates;
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
  std::vector<SegmentEstimates> segments;
  std::map<std::string, LiveMetric> live;
  std::map<std::string, LiveLift> lift;
  Verdict offline_verdict = Verdict::kHold;
  Verdict live_verdict = Verdict::kHold;
  bool judged = false;  // the baseline and oracle arms are not candidates
  std::string reason;
};

/// What a policy earned in the online experiment, batch by batch; sums over a batch's pages.
struct OnlineResult {
  std::string name;
  bool learns = false;                // while it serves
  std::vector<std::uint64_t> rounds;  // (n_batches) pages shown
  std::vector<double> expected;       // (n_batches) exact, of the pages shown
  std::vector<double> sampled;        // (n_batches) what users did
  std::vector<double> best;           // (n_batches) exact, of the best pages for the same requests
  std::vector<double> regret;         // (n_batches) cumulated best - expected
  std::vector<double> regret_standard_error;  // (n_batches) users as the unit
  Interval total;                             // of the regret in the end
  Interval share;  // of the first policy's regret, the same users paired; NaN where that is 0
  double share_standard_error = 0;
};

/// The online experiment: policies learn while they serve.
struct OnlineResults {
  std::string metric;
  std::string best;           // the policy that regret is measured against
  std::uint64_t pages = 0;    // of a batch
  std::uint64_t batches = 0;  // updates
  std::uint64_t delay = 0;    // batches by which feedback comes late
  double confidence = 0.95;   // of the intervals
  std::vector<OnlineResult> policies;
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
  std::optional<OnlineResults> online{};
};

/// Deterministic text: same results, same bytes. Raises: from_json Error(kInput) naming the key.
std::string to_json(const Results& results);
Results from_json(const std::string& text, const std::string& file);

}  // namespace rehearsal
