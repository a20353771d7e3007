#include "analysis/evaluate.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "analysis/evaluation_sums.h"
#include "analysis/intervals.h"
#include "analysis/list_outcome.h"
#include "analysis/outcome.h"
#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

void check_options(const std::vector<Candidate>& candidates, int baseline,
                   const EvaluateOptions& options) {
  if (candidates.empty())
    throw Error(ErrorKind::kInput, "evaluate: there are no policies to score");
  REHEARSAL_CHECK(baseline < static_cast<int>(candidates.size()));
  if (options.metrics.empty()) throw Error(ErrorKind::kInput, "estimate.metrics: is empty");
  if (!(options.confidence > 0 && options.confidence < 1))
    throw Error(ErrorKind::kInput,
                fmt::format("estimate.confidence: {} is not between 0 and 1", options.confidence));
  if (options.interval != "normal" && options.interval != "bootstrap")
    throw Error(ErrorKind::kInput,
                "estimate.interval: '" + options.interval + "' is not one of normal, bootstrap");
  if (options.interval == "bootstrap" && options.n_bootstrap < 20)
    throw Error(ErrorKind::kInput,
                fmt::format("estimate.n_bootstrap: {} is below 20", options.n_bootstrap));
}

/// The estimators asked for, or all that the behaviour allows.
std::vector<Estimator> chosen(const std::vector<std::string>& names, const Policy* behavior) {
  std::vector<Estimator> out;
  for (const std::string& name : names) {
    out.push_back(parse_estimator(name, "estimate.estimators"));
    if (out.back().entry->uses(Need::kPseudoInverse) && behavior == nullptr)
      throw Error(ErrorKind::kInput,
                  name + ": needs the policy that wrote the log, which is not known here");
    if (out.back().entry->uses(Need::kPscore))
      throw Error(ErrorKind::kInput, name + ": scores single actions, not pages");
  }
  if (!names.empty()) return out;
  for (const EstimatorEntry& entry : estimators().entries())
    if (!entry.parameter && (!entry.uses(Need::kPseudoInverse) || behavior != nullptr))
      out.push_back(parse_estimator(entry.name));
  return out;
}

/// Whether item orders differ between the policies: not where all share one ranker.
bool items_differ(const std::vector<Candidate>& candidates, const Policy* behavior) {
  const Ranker* shared = behavior == nullptr ? nullptr : behavior->ranker();
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const Candidate& c) { return c.policy->ranker() != shared; });
}

WeightNeeds needs_of(const std::vector<Estimator>& chosen_ones,
                     const std::vector<Candidate>& candidates, const Policy* behavior) {
  const auto any = [&](Need need) {
    return std::any_of(chosen_ones.begin(), chosen_ones.end(),
                       [&](const Estimator& each) { return each.entry->uses(need); });
  };
  WeightNeeds needs;
  needs.page = any(Need::kPage);
  needs.cascade = any(Need::kCascade);
  needs.item_position = any(Need::kItemPosition);
  needs.pseudo_inverse = any(Need::kPseudoInverse);
  needs.direct = any(Need::kQHat);
  needs.support = behavior != nullptr;
  needs.items = items_differ(candidates, behavior);
  return needs;
}

void add_targets(const std::vector<Estimator>& entries, int baseline, EvaluationPlan& plan) {
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

/// Sets which rounds count, and who wrote them.
void choose_rounds(const LogInfo& info, const Policy* behavior, const EvaluateOptions& options,
                   EvaluationPlan& plan) {
  plan.behavior = behavior;
  if (options.log_subset == "all") return;
  const auto& names = info.behavior_components;
  const auto found = std::find(names.begin(), names.end(), options.log_subset);
  if (found == names.end()) {
    std::string known = "all";
    for (const std::string& name : names) known += ", " + name;
    throw Error(ErrorKind::kInput, "estimate.log_subset: '" + options.log_subset +
                                       "' is no part of the behavior policy. Known: " + known);
  }
  if (options.subset_behavior == nullptr)
    throw Error(ErrorKind::kInput, "estimate.log_subset: the policy '" + options.log_subset +
                                       "' is not at hand, so its propensities are not known");
  plan.component = static_cast<int>(found - names.begin());
  plan.behavior = options.subset_behavior;
}

std::vector<std::shared_ptr<const OutcomeModel>> outcome_models(const RoundSource& rounds,
                                                                const Rng& rng,
                                                                const EvaluateOptions& options) {
  std::vector<std::string> to_fit;
  for (const std::string& metric : options.metrics)
    if (options.outcome_models.count(metric) == 0) to_fit.push_back(metric);
  std::vector<std::shared_ptr<const OutcomeModel>> fitted;
  if (!to_fit.empty())
    fitted = decision_of(*rounds.schema) == Decision::kItems
                 ? fit_list_outcome_models(rounds, to_fit, rng, options.threads)
                 : fit_outcome_models(rounds, to_fit, rng, options.threads, options.progress);
  std::vector<std::shared_ptr<const OutcomeModel>> models;
  std::size_t next = 0;
  for (const std::string& metric : options.metrics) {
    const auto given = options.outcome_models.find(metric);
    models.push_back(given != options.outcome_models.end() ? given->second : fitted[next++]);
  }
  return models;
}

// --- from sums to estimates --------------------------------------------------

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
      : plan_(plan), sums_(sums), options_(options), baseline_(baseline) {}

  Estimate finish(std::size_t t) const {
    const Target& target = plan_.targets[t];
    Estimate out;
    out.estimator = target.estimator.name;
    out.metric = plan_.metrics[target.metric];
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
    const Interval normal = normal_interval(out.value, out.standard_error, options_.confidence);
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
    out.lift = normal_interval(ratio - 1, out.lift_standard_error, options_.confidence);
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
    low = sample_quantile(values, 0.5 - options_.confidence / 2);
    high = sample_quantile(values, 0.5 + options_.confidence / 2);
  }

  void set_diagnostics(const Target& target, Estimate& out) const {
    const WeightStats* stats = sums_.stats.data() + target.candidate * n_stats(plan_);
    out.ess = sums_.n_rounds;
    out.max_weight = 1;
    for (const Need need : target.estimator.entry->needs) {
      if (need == Need::kQHat) continue;
      const bool by_slot = need == Need::kCascade || need == Need::kItemPosition;
      std::span<const WeightStats> own(stats + stats_index(plan_, need, 0),
                                       by_slot ? plan_.n_slots : 1);
      while (own.size() > 1 && own.back().n == 0) own = own.first(own.size() - 1);
      set_weight_diagnostics(own, sums_.n_rounds, out);
    }
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
  const EvaluateOptions& options_;
  int baseline_;
};

EvaluationSums sum_all(const EvaluationPlan& plan, const EvaluateOptions& options) {
  EvaluationSums total(plan);
  PseudoInverseCache cache;
  ordered_reduce(
      plan.rounds.n_shards, options.threads,
      [&](std::size_t shard) { return sum_shard(plan, shard, cache); },
      [&](std::size_t shard, EvaluationSums&& sums) {
        total.add(sums);
        if (options.progress != nullptr)
          options.progress->update(
              "evaluate",
              static_cast<double>(shard + 1) / static_cast<double>(plan.rounds.n_shards), "");
      });
  if (total.n_rounds == 0) throw Error(ErrorKind::kInput, "evaluate: the log has no such rounds");
  return total;
}

}  // namespace

std::vector<std::vector<Estimate>> evaluate(const RoundSource& rounds, const LogInfo& info,
                                            const std::vector<Candidate>& candidates,
                                            const Policy* behavior, int baseline, const Rng& rng,
                                            const EvaluateOptions& options) {
  check_options(candidates, baseline, options);
  EvaluationPlan plan;
  plan.rounds = rounds;
  plan.candidates = candidates;
  plan.metrics = options.metrics;
  plan.decision = decision_of(*rounds.schema);
  plan.n_slots = n_places(*rounds.schema, plan.decision);
  plan.n_modules = n_named_choices(*rounds.schema, plan.decision);
  plan.rng = rng;
  choose_rounds(info, behavior, options, plan);
  const std::vector<Estimator> entries = chosen(options.estimators, plan.behavior);
  plan.needs = needs_of(entries, candidates, plan.behavior);
  if (plan.decision == Decision::kItems) plan.needs.items = false;  // they are the decision
  add_targets(entries, baseline, plan);
  if (options.interval == "bootstrap")
    plan.n_bootstrap = static_cast<std::size_t>(options.n_bootstrap);
  if (plan.needs.direct) plan.outcome_models = outcome_models(rounds, rng, options);
  const EvaluationSums sums = sum_all(plan, options);
  const Finisher finisher(plan, sums, options, baseline);
  std::vector<std::vector<Estimate>> estimates(candidates.size());
  for (std::size_t t = 0; t < plan.targets.size(); ++t)
    estimates[plan.targets[t].candidate].push_back(finisher.finish(t));
  return estimates;
}

}  // namespace rehearsal
