#include "analysis/live_statistics.h"

#include "analysis/intervals.h"
#include "analysis/ratio.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

using Column = std::vector<double>;  // (n_users)

Column column(const RowMatrix& sums, std::size_t metric) {
  Column out(static_cast<std::size_t>(sums.rows()));
  for (std::size_t u = 0; u < out.size(); ++u)
    out[u] = sums(static_cast<Eigen::Index>(u), static_cast<Eigen::Index>(metric));
  return out;
}

class Statistics {
 public:
  Statistics(const std::vector<LiveSums>& sums, const std::vector<std::uint32_t>& rounds,
             const std::vector<std::uint8_t>& arm, std::size_t baseline, double confidence)
      : sums_(sums),
        rounds_(rounds.begin(), rounds.end()),
        everyone_(rounds.size(), 1.0),
        candidate_(arm.begin(), arm.end()),
        baseline_(baseline),
        confidence_(confidence) {
    for (const double in : candidate_) control_.push_back(1 - in);
  }

  LiveMetric value(std::size_t policy, std::size_t metric) const {
    const LiveSums& own = sums_[policy];
    const bool exact = own.exact.size() > 0;
    const Ratio ratio =
        per_round(column(exact ? own.exact : own.sampled, metric), rounds_, everyone_);
    return {ratio.value, ratio.standard_error, exact};
  }

  LiveLift lift(std::size_t policy, std::size_t metric) const {
    LiveLift out;
    if (policy == baseline_) return out;  // exactly 0
    const LiveSums &own = sums_[policy], &base = sums_[baseline_];
    const Column a = column(own.sampled, metric), b = column(base.sampled, metric);
    Ratio best = paired_lift(a, b);
    out.sampled_paired_standard_error = best.standard_error;
    if (own.exact.size() > 0 && base.exact.size() > 0) {
      best = paired_lift(column(own.exact, metric), column(base.exact, metric));
      out.exact_paired_standard_error = best.standard_error;
    }
    out.lift = normal_interval(best.value, best.standard_error, confidence_);
    const Ratio ab =
        unpaired_lift(per_round(a, rounds_, candidate_), per_round(b, rounds_, control_));
    out.sampled_unpaired_standard_error = ab.standard_error;
    out.ab = normal_interval(ab.value, ab.standard_error, confidence_);
    return out;
  }

 private:
  const std::vector<LiveSums>& sums_;
  Column rounds_;
  Column everyone_;
  Column candidate_;
  Column control_;
  std::size_t baseline_;
  double confidence_;
};

}  // namespace

void live_statistics(const std::vector<LiveSums>& sums, const std::vector<std::uint32_t>& rounds,
                     const std::vector<std::uint8_t>& arm, const std::vector<std::string>& metrics,
                     std::size_t baseline, double confidence, std::vector<PolicyResult>& results) {
  REHEARSAL_CHECK(sums.size() == results.size() && baseline < sums.size());
  REHEARSAL_CHECK(arm.size() == rounds.size());
  const auto n_users = static_cast<Eigen::Index>(rounds.size());
  const auto n_metrics = static_cast<Eigen::Index>(metrics.size());
  for (const LiveSums& own : sums) {
    REHEARSAL_CHECK(own.sampled.rows() == n_users && own.sampled.cols() == n_metrics);
    REHEARSAL_CHECK(own.exact.size() == 0 ||
                    (own.exact.rows() == n_users && own.exact.cols() == n_metrics));
  }
  const Statistics statistics(sums, rounds, arm, baseline, confidence);
  for (std::size_t p = 0; p < sums.size(); ++p)
    for (std::size_t m = 0; m < metrics.size(); ++m) {
      results[p].live[metrics[m]] = statistics.value(p, m);
      results[p].lift[metrics[m]] = statistics.lift(p, m);
    }
}

}  // namespace rehearsal
