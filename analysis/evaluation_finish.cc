#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "analysis/evaluation_sums.h"
#include "analysis/intervals.h"

namespace rehearsal {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// x' M x. Args: m: (x.size(), x.size()), of which the sums are symmetric.
double quadratic(const std::vector<double>& m, const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) sum += x[i] * m[i * x.size() + j] * x[j];
  return std::max(0.0, sum);
}

class Finisher {
 public:
  Finisher(const EvaluationPlan& plan, const EvaluationSums& sums, double confidence, int baseline)
      : plan_(plan), sums_(sums), confidence_(confidence), baseline_(baseline) {
    for (const CalibrationSums& each : sums.calibration)
      calibration_.push_back(calibration_of(each.cells()));
  }

  Estimate finish(std::size_t t) const {
    const Target& target = plan_.targets[t];
    Estimate out;
    out.estimator = target.estimator.name;
    out.metric = plan_.metrics[target.metric];
    if (plan_.session_discount) out.metric += "_per_session";
    out.confidence = confidence_;
    out.value = value(target, sums_.columns);
    set_value_interval(t, out);
    set_lift(t, out);
    set_diagnostics(target, out);
    return out;
  }

 private:
  double value(const Target& target, std::span<const double> columns) const {
    return ratio_value(target.layout, columns.subspan(target.first_column, target.layout.n_columns),
                       columns[0]);
  }

  std::vector<double> gradient(const Target& target) const {
    std::vector<double> out(target.layout.n_columns + 1);
    ratio_gradient(target.layout,
                   std::span(sums_.columns).subspan(target.first_column, target.layout.n_columns),
                   sums_.columns[0], out);
    return out;
  }

  /// Users are the unit: n / (n - 1) as for any sample variance.
  double standard_error(const std::vector<double>& moments, const std::vector<double>& x) const {
    if (sums_.n_users < 2) return 0;
    return std::sqrt(quadratic(moments, x) * sums_.n_users / (sums_.n_users - 1));
  }

  void set_value_interval(std::size_t t, Estimate& out) const {
    const Target& target = plan_.targets[t];
    const std::vector<double> g = gradient(target);
    std::vector<double> x(g.begin(), g.end() - 1);
    // The panel holds the difference and the baseline: their sum is the candidate.
    if (target.baseline >= 0) x.insert(x.end(), g.begin(), g.end() - 1);
    x.push_back(g.back());
    out.standard_error = standard_error(sums_.moments[t], x);
    const Interval normal = normal_interval(out.value, out.standard_error, confidence_);
    out.low = normal.low;
    out.high = normal.high;
    if (plan_.n_bootstrap == 0) return;
    std::vector<double> values;
    for (std::size_t b = 0; b < plan_.n_bootstrap; ++b)
      values.push_back(value(target, resample(b)));
    set_percentiles(values, out.low, out.high, out.warnings);
  }

  void set_lift(std::size_t t, Estimate& out) const {
    const Target& target = plan_.targets[t];
    if (baseline_ < 0) return;
    if (target.baseline < 0) {  // the baseline itself
      out.lift = Interval{};
      return;
    }
    const Target& base = plan_.targets[static_cast<std::size_t>(target.baseline)];
    const double base_value = value(base, sums_.columns);
    if (!(base_value > 0) || !std::isfinite(out.value)) {
      out.warnings.push_back("no lift: the baseline's value is not above 0");
      return;
    }
    const double ratio = out.value / base_value;
    const std::vector<double> g = gradient(target), h = gradient(base);
    const std::size_t width = target.layout.n_columns;
    std::vector<double> x(2 * width + 1);
    for (std::size_t j = 0; j < width; ++j) {
      x[j] = g[j] / base_value;
      x[width + j] = (g[j] - ratio * h[j]) / base_value;
    }
    x[2 * width] = (g[width] - ratio * h[width]) / base_value;
    out.lift_standard_error = standard_error(sums_.moments[t], x);
    out.lift = normal_interval(ratio - 1, out.lift_standard_error, confidence_);
    if (plan_.n_bootstrap == 0) return;
    std::vector<double> lifts;
    for (std::size_t b = 0; b < plan_.n_bootstrap; ++b)
      lifts.push_back(value(target, resample(b)) / value(base, resample(b)) - 1);
    set_percentiles(lifts, out.lift->low, out.lift->high, out.warnings);
  }

  std::span<const double> resample(std::size_t b) const {
    return std::span(sums_.bootstrap).subspan(b * plan_.n_columns, plan_.n_columns);
  }

  void set_percentiles(std::vector<double>& values, double& low, double& high,
                       std::vector<std::string>& warnings) const {
    const std::size_t n = values.size();
    std::erase_if(values, [](double v) { return !std::isfinite(v); });
    if (values.size() < n)
      warnings.push_back(
          fmt::format("{} of {} bootstrap resamples have no value", n - values.size(), n));
    if (values.size() < 2) {
      low = high = kNan;
      return;
    }
    low = sample_quantile(values, 0.5 - confidence_ / 2);
    high = sample_quantile(values, 0.5 + confidence_ / 2);
  }

  void set_diagnostics(const Target& target, Estimate& out) const {
    const WeightStats* stats = sums_.stats.data() + target.candidate * n_stats(plan_);
    out.ess = sums_.n_rounds;
    out.max_weight = 1;
    for (const Need need : target.estimator.entry->needs) {
      if (need == Need::kQHat || need == Need::kPscore) continue;
      const bool by_slot = need == Need::kCascade || need == Need::kItemPosition;
      std::span<const WeightStats> own(stats + stats_index(plan_, need, 0),
                                       by_slot ? plan_.n_slots : 1);
      while (own.size() > 1 && own.back().n == 0) own = own.first(own.size() - 1);
      set_weight_diagnostics(own, sums_.n_rounds, out, plan_.session_discount ? kSessions : kPages);
    }
    if (target.estimator.entry->uses(Need::kQHat) && !calibration_.empty())
      out.q_hat = calibration_[target.metric];
    if (target.estimator.entry->needs == std::vector<Need>{Need::kQHat})
      out.warnings.push_back(
          "the interval leaves out the error of the reward model, which is most of it");
    if (plan_.needs.support) {
      const SupportGap gap = support_gap(target.candidate);
      const auto warnings = support_warnings(&gap);
      out.warnings.insert(out.warnings.end(), warnings.begin(), warnings.end());
    }
    if (sums_.n_users < 30)
      out.warnings.push_back(fmt::format("only {} users: intervals need more", sums_.n_users));
  }

  SupportGap support_gap(std::size_t candidate) const {
    const std::size_t n = plan_.n_slots * plan_.n_modules;
    const double* gap = sums_.gap.data() + candidate * n;
    SupportGap out;
    std::size_t worst = 0;
    for (std::size_t c = 0; c < n; ++c) {
      out.mass += gap[c] / std::max(1.0, sums_.n_shown);
      if (gap[c] > gap[worst]) worst = c;
    }
    out.worst_mass = gap[worst] / sums_.n_rounds;
    out.where =
        plan_.decision == Decision::kItems
            ? fmt::format("items at position {}", worst)
            : fmt::format("{} at slot {}", plan_.rounds.schema->modules[worst % plan_.n_modules],
                          worst / plan_.n_modules);
    return out;
  }

  const EvaluationPlan& plan_;
  const EvaluationSums& sums_;
  double confidence_;
  int baseline_;
  std::vector<Calibration> calibration_;  // by metric; empty: no q_hat of ours
};

}  // namespace

void add_targets(std::span<const Estimator> entries, int baseline, EvaluationPlan& plan) {
  const std::size_t per_candidate = plan.metrics.size() * entries.size();
  for (std::size_t c = 0; c < plan.candidates.size(); ++c)
    for (std::size_t m = 0; m < plan.metrics.size(); ++m)
      for (std::size_t e = 0; e < entries.size(); ++e) {
        Target target{c, m, entries[e], entries[e].layout(plan.n_slots), plan.n_columns, -1};
        if (baseline >= 0 && static_cast<int>(c) != baseline)
          target.baseline = static_cast<std::ptrdiff_t>(
              static_cast<std::size_t>(baseline) * per_candidate + m * entries.size() + e);
        plan.n_columns += target.layout.n_columns;
        plan.targets.push_back(std::move(target));
      }
}

std::vector<std::vector<Estimate>> finish(const EvaluationPlan& plan, const EvaluationSums& sums,
                                          double confidence, int baseline) {
  const Finisher finisher(plan, sums, confidence, baseline);
  std::vector<std::vector<Estimate>> estimates(plan.candidates.size());
  for (std::size_t t = 0; t < plan.targets.size(); ++t)
    estimates[plan.targets[t].candidate].push_back(finisher.finish(t));
  return estimates;
}

}  // namespace rehearsal
