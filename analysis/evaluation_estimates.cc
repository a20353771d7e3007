#include "analysis/evaluation_estimates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <utility>

#include "analysis/interval_kinds.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

/// x' M x. Args: m: (x.size(), x.size()), of which the sums are symmetric.
double quadratic(const std::vector<double>& m, const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < x.size(); ++j) sum += x[i] * m[i * x.size() + j] * x[j];
  return std::max(0.0, sum);
}

class Finisher {
 public:
  Finisher(const EvaluationPlan& plan, const EvaluationSums& sums, const EvaluateOptions& options,
           int baseline)
      : plan_(plan),
        sums_(sums),
        options_(options),
        baseline_(baseline),
        kind_(interval_kinds().at(options.interval)),
        how_{options.confidence, static_cast<std::size_t>(options.n_bootstrap), plan.rng} {
    for (const CalibrationSums& each : sums.calibration)
      calibration_.push_back(calibration_of(each.cells()));
  }

  Estimate finish(std::size_t t) const {
    const Target& target = plan_.targets[t];
    Estimate out;
    out.estimator = target.estimator.name;
    out.metric = plan_.metrics[target.metric];
    if (plan_.session_discount) out.metric += "_per_session";
    out.confidence = options_.confidence;
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
    IntervalInput in{out.value, out.standard_error, sums_.n_users};
    if (kind_.needs_range()) {
      const Interval bounded = bounded_interval(target, options_.confidence, out.warnings);
      out.low = bounded.low;
      out.high = bounded.high;
      return;
    }
    const Interval interval = made(
        t, in, x, [&](std::span<const double> columns) { return value(target, columns); },
        [this, &target](std::span<const double> panel) { return panel_value(target, panel); },
        out.warnings);
    out.low = interval.low;
    out.high = interval.high;
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
    if (kind_.needs_range()) {
      out.lift = bounded_lift(target, base, ratio - 1);
      return;
    }
    IntervalInput in{ratio - 1, out.lift_standard_error, sums_.n_users};
    out.lift = made(
        t, in, x,
        [&](std::span<const double> columns) {
          return value(target, columns) / value(base, columns) - 1;
        },
        [this, &target](std::span<const double> panel) {
          const std::size_t w = target.layout.n_columns;
          const double own = panel_value(target, panel);
          return own / ratio_value(target.layout, panel.subspan(w, w), panel[2 * w]) - 1;
        },
        out.warnings);
  }

  // --- intervals of any kind ---------------------------------------------------

  IntervalReads reads() const { return kind_.reads; }

  /// A candidate's value of the column sums of its panel.
  double panel_value(const Target& target, std::span<const double> panel) const {
    const std::size_t width = target.layout.n_columns;
    std::vector<double> own(panel.begin(), panel.begin() + static_cast<std::ptrdiff_t>(width));
    for (std::size_t j = 0; target.baseline >= 0 && j < width; ++j) own[j] += panel[width + j];
    return ratio_value(target.layout, own, panel[target.n_moments() - 1]);
  }

  /// Args: x: gradient by the panel's column means times users.  of_columns: the value of a
  /// resample's columns.  of_panel: the value of the panel's column sums.
  Interval made(std::size_t t, IntervalInput& in, const std::vector<double>& x,
                const std::function<double(std::span<const double>)>& of_columns,
                const Statistic& of_panel, std::vector<std::string>& warnings) const {
    std::vector<double> resampled, terms;
    RowMatrix panel;
    if (reads() == IntervalReads::kResamples) {
      for (std::size_t b = 0; b < plan_.n_bootstrap; ++b)
        resampled.push_back(of_columns(resample(b)));
      in.resampled = resampled;
      const auto bad = std::count_if(resampled.begin(), resampled.end(),
                                     [](double v) { return !std::isfinite(v); });
      if (bad > 0)
        warnings.push_back(
            fmt::format("{} of {} bootstrap resamples have no value", bad, resampled.size()));
    } else if (reads() == IntervalReads::kUnits) {
      panel = panel_of(t);
      // First-order effects of users on the value, which add up to 0.
      const Eigen::Map<const Eigen::VectorXd> by(x.data(), static_cast<Eigen::Index>(x.size()));
      const Eigen::VectorXd effects = panel * by;
      for (const double effect : effects) terms.push_back(in.value + effect * in.n_units);
      in.terms = terms;
      in.sums = &panel;
      in.statistic = of_panel;
      try {
        return kind_.make(in, how_);
      } catch (const Error& error) {
        warnings.push_back(fmt::format("no interval: {}", error.what()));
        return {in.value, kNan, kNan};
      }
    }
    return kind_.make(in, how_);
  }

  RowMatrix panel_of(std::size_t t) const {
    const auto n_users = static_cast<std::size_t>(sums_.n_users);
    std::vector<double> panel;
    target_panel(plan_, t, sums_.users, n_users, panel);
    return Eigen::Map<const RowMatrix>(panel.data(), static_cast<Eigen::Index>(n_users),
                                       static_cast<Eigen::Index>(plan_.targets[t].n_moments()));
  }

  /// Bounds are of a mean over users, given how many rounds each has: a user's rounds count by
  /// their sum, scaled so that the mean over users is the value.
  Interval bounded_interval(const Target& target, double confidence,
                            std::vector<std::string>& warnings) const {
    const double center = value(target, sums_.columns);
    const double scale = sums_.n_users / sums_.n_rounds;
    const auto [fewest, most] = rounds_of_users();
    const bool weighted = reads() == IntervalReads::kWeighted;
    const Range reward{options_.reward_range[0], options_.reward_range[1]};
    const std::optional<Range> range =
        weighted ? std::nullopt : term_range(target.estimator, reward, options_.max_weight);
    const TermLayout& layout = target.layout;
    const bool ratio = layout.n_columns == 2 && layout.parts.size() == 1;
    if (weighted ? !ratio : !range.has_value()) {
      warnings.push_back(fmt::format("no interval: {} is for {}", kind_.name,
                                     weighted ? "a value that is divided by its weights, as snips"
                                              : "a mean of terms, and this value is a ratio"));
      return {center, kNan, kNan};
    }
    if (fewest < most)
      warnings.push_back(
          fmt::format("users have {:.0f} to {:.0f} {}s: the bound takes these numbers as given "
                      "and unrelated to rewards",
                      fewest, most, unit().one));
    std::vector<double> terms = user_column(target.first_column, scale), weights;
    IntervalInput in{center, 0, sums_.n_users};
    if (weighted) {
      weights = user_column(target.first_column + 1, scale);
      for (std::size_t u = 0; u < terms.size(); ++u)
        terms[u] = (terms[u] - reward.low * weights[u]) / reward.width();
      in.weights = weights;
      in.max_weight = options_.max_weight * scale * most;
    } else {
      const Range round = range.value_or(Range{});
      in.range = {scale * round.low * (round.low < 0 ? most : fewest),
                  scale * round.high * (round.high > 0 ? most : fewest)};
    }
    in.terms = terms;
    Interval out = bound(target, in, confidence);
    if (weighted)
      out = {center, reward.low + reward.width() * out.low, reward.low + reward.width() * out.high};
    return out;
  }

  Interval bound(const Target& target, const IntervalInput& in, double confidence) const {
    IntervalOptions how = how_;
    how.confidence = confidence;
    try {
      return kind_.make(in, how);
    } catch (const Error& error) {
      throw Error(
          error.kind(),
          fmt::format("estimate.interval: {} of {}, by reward_range and max_weight, of users' "
                      "sums scaled to a round: {}",
                      kind_.name, target.estimator.name, error.what()));
    }
  }

  const WeightUnit& unit() const { return plan_.session_discount ? kSessions : kPages; }
  WeightUnit unit(const Target& target) const {
    WeightUnit own = unit();
    if (target.cell_rule >= 0) own.n_columns = plan_.row_length;
    return own;
  }

  /// Fewest and most rounds of a user.
  std::pair<double, double> rounds_of_users() const {
    const std::vector<double> rounds = user_column(0, 1);
    const auto [fewest, most] = std::minmax_element(rounds.begin(), rounds.end());
    return {*fewest, *most};
  }

  /// What each user adds to a column, times `scale`.
  std::vector<double> user_column(std::size_t column, double scale) const {
    std::vector<double> out;
    for (std::size_t at = column; at < sums_.users.size(); at += plan_.n_columns)
      out.push_back(scale * sums_.users[at]);
    return out;
  }

  /// Both values' bounds hold at once (Bonferroni), so their quotients do.
  Interval bounded_lift(const Target& target, const Target& base, double lift) const {
    const double each = 1 - (1 - options_.confidence) / 2;
    std::vector<std::string> said;  // of the value already
    const Interval own = bounded_interval(target, each, said);
    const Interval theirs = bounded_interval(base, each, said);
    const bool sure = theirs.low > 0;  // otherwise quotients have no bound away from 0
    const double low = own.low >= 0 ? own.low / theirs.high : sure ? own.low / theirs.low : kNan;
    const double high = !sure ? kNan : own.high / (own.high >= 0 ? theirs.low : theirs.high);
    return {lift, low - 1, high - 1};
  }

  std::span<const double> resample(std::size_t b) const {
    return std::span(sums_.bootstrap).subspan(b * plan_.n_columns, plan_.n_columns);
  }

  void set_diagnostics(const Target& target, Estimate& out) const {
    const WeightStats* stats = sums_.stats.data() + target.candidate * n_stats(plan_);
    out.ess = sums_.n_rounds;
    out.max_weight = 1;
    for (const Need need : target.estimator.entry->needs) {
      if (need == Need::kQHat || need == Need::kPscore) continue;
      const bool by_place = need != Need::kPage && need != Need::kPseudoInverse;
      std::span<const WeightStats> own(stats + stats_of(target, need),
                                       by_place ? plan_.n_places(target.estimator) : 1);
      while (own.size() > 1 && own.back().n == 0) own = own.first(own.size() - 1);
      set_weight_diagnostics(own, sums_.n_rounds, out, unit(target));
    }
    if (target.estimator.entry->uses(Need::kQHat) && !calibration_.empty())
      out.q_hat = calibration_[target.metric];
    if (target.estimator.entry->needs == std::vector<Need>{Need::kQHat})
      out.warnings.push_back(
          "the interval leaves out the error of the reward model, which is most of it");
    if (plan_.needs.support) {
      const SupportGap gap = target.cell_rule >= 0 && plan_.decision == Decision::kModules
                                 ? cell_gap(target.candidate)
                                 : support_gap(target.candidate);
      const auto warnings = support_warnings(&gap);
      out.warnings.insert(out.warnings.end(), warnings.begin(), warnings.end());
    }
    if (sums_.n_users < 30)
      out.warnings.push_back(fmt::format("only {} users: intervals need more", sums_.n_users));
  }

  /// Sessions may read other weights in the place of those of a page at its position.
  std::size_t stats_of(const Target& target, Need need) const {
    if (need == Need::kCells)
      return cell_stats_index(plan_, static_cast<std::size_t>(target.cell_rule), 0);
    if (!plan_.session_discount || need != Need::kItemPosition) return stats_index(plan_, need, 0);
    const PageShare share = session_estimators().at(target.estimator.name).share;
    if (share == PageShare::kMarginal) return marginal_stats_index(plan_, 0);
    return stats_index(plan_, share == PageShare::kSoFar ? Need::kCascade : need, 0);
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

  SupportGap cell_gap(std::size_t candidate) const {
    const auto gap =
        std::span(sums_.cell_gap).subspan(candidate * plan_.n_cells(), plan_.n_cells());
    const auto worst = std::max_element(gap.begin(), gap.end());
    return {std::accumulate(gap.begin(), gap.end(), 0.0) / std::max(1.0, sums_.n_items),
            WeightUnit{"page", "slot", plan_.row_length}.name_of(
                static_cast<std::size_t>(worst - gap.begin())),
            *worst / sums_.n_rounds, "items"};
  }

  const EvaluationPlan& plan_;
  const EvaluationSums& sums_;
  const EvaluateOptions& options_;
  int baseline_;
  std::vector<Calibration> calibration_;  // by metric; empty: no q_hat of ours
  const IntervalEntry& kind_;
  IntervalOptions how_;
};

}  // namespace

std::optional<IntervalProblem> interval_problem(const EvaluateOptions& options) {
  const IntervalEntry* kind = interval_kinds().find(options.interval);
  if (kind == nullptr)
    return IntervalProblem{"interval",
                           unknown_name("interval", options.interval, interval_kinds().names())};
  const std::vector<double>& range = options.reward_range;
  if (kind->name.ends_with("bootstrap") && options.n_bootstrap < 20)
    return IntervalProblem{"n_bootstrap", fmt::format("{} is below 20", options.n_bootstrap)};
  if (!range.empty() && (range.size() != 2 || !(range[0] < range[1])))
    return IntervalProblem{"reward_range", "expected two numbers, the lower one first"};
  if (kind->needs_range() && range.empty())
    return IntervalProblem{"reward_range",
                           "is missing; interval " + kind->name +
                               " needs [low, high] of a round's reward, known beforehand and not "
                               "read off the log"};
  return std::nullopt;
}

void plan_interval(const EvaluateOptions& options, EvaluationPlan& plan) {
  const IntervalReads reads = interval_kinds().at(options.interval).reads;
  plan.keep_users = reads >= IntervalReads::kUnits;
  if (reads == IntervalReads::kResamples)
    plan.n_bootstrap = static_cast<std::size_t>(options.n_bootstrap);
}

std::vector<Estimate> target_estimates(const EvaluationPlan& plan, const EvaluationSums& sums,
                                       const EvaluateOptions& options, int baseline) {
  const Finisher finisher(plan, sums, options, baseline);
  std::vector<Estimate> out;
  for (std::size_t t = 0; t < plan.targets.size(); ++t) out.push_back(finisher.finish(t));
  return out;
}

}  // namespace rehearsal
