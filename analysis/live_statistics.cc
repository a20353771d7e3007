#include "analysis/live_statistics.h"

#include <cmath>
#include <limits>

#include "analysis/intervals.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

using Column = std::vector<double>;  // (n_users)

struct Ratio {
  double value = 0;
  double standard_error = 0;
};

Column column(const RowMatrix& sums, std::size_t metric) {
  Column out(static_cast<std::size_t>(sums.rows()));
  for (std::size_t u = 0; u < out.size(); ++u)
    out[u] = sums(static_cast<Eigen::Index>(u), static_cast<Eigen::Index>(metric));
  return out;
}

double total(const Column& column) {
  double sum = 0;
  for (const double value : column) sum += value;
  return sum;
}

/// n / (n - 1) times the sum of squares of what the users add: the variance of a sum over users.
double clustered_error(const Column& influence, double n_users) {
  double squares = 0;
  for (const double value : influence) squares += value * value;
  return n_users < 2 ? 0.0 : std::sqrt(squares * n_users / (n_users - 1));
}

/// Sum over sum, users as the unit, by the delta method. Users of the other arm have weight 0.
/// Args: in: (n_users) 1 for users that count.
Ratio per_round(const Column& sums, const Column& rounds, const Column& in) {
  double y = 0, n = 0, users = 0;
  for (std::size_t u = 0; u < sums.size(); ++u) {
    y += in[u] * sums[u];
    n += in[u] * rounds[u];
    users += in[u];
  }
  if (n == 0) return {std::numeric_limits<double>::quiet_NaN(), 0};
  Column influence(sums.size());
  for (std::size_t u = 0; u < sums.size(); ++u)
    influence[u] = in[u] * (sums[u] - y / n * rounds[u]) / n;
  return {y / n, clustered_error(influence, users)};
}

/// Lift of the same users: sum a / sum b - 1. What a user adds is a - (A / B) b, over B.
Ratio paired_lift(const Column& a, const Column& b) {
  const double sum_b = total(b);
  if (!(sum_b > 0)) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const double ratio = total(a) / sum_b;
  Column influence(a.size());
  for (std::size_t u = 0; u < a.size(); ++u) influence[u] = (a[u] - ratio * b[u]) / sum_b;
  return {ratio - 1, clustered_error(influence, static_cast<double>(a.size()))};
}

/// Lift of one group of users over another.
Ratio unpaired_lift(const Ratio& a, const Ratio& b) {
  if (!(b.value > 0)) return {std::numeric_limits<double>::quiet_NaN(), 0};
  const double ratio = a.value / b.value;
  return {ratio - 1, std::hypot(a.standard_error, ratio * b.standard_error) / b.value};
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
