#include "analysis/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "analysis/estimator_choice.h"
#include "analysis/evaluation_estimates.h"
#include "analysis/session_returns.h"
#include "analysis/sessions.h"
#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"

namespace rehearsal {

namespace {

// Whom plain "auto" chooses among: from no assumption about users to the strongest. None that
// shrinks weights: its bias is there under every assumption, and its interval leaves it out.
constexpr const char* kPageFamilies[] = {"ips", "rips", "pi", "iips", "dr"};

void check_options(const std::vector<Candidate>& candidates, int baseline,
                   const EvaluateOptions& options) {
  if (candidates.empty())
    throw Error(ErrorKind::kInput, "evaluate: there are no policies to score");
  REHEARSAL_CHECK(baseline < static_cast<int>(candidates.size()));
  if (options.metrics.empty()) throw Error(ErrorKind::kInput, "estimate.metrics: is empty");
  if (!(options.confidence > 0 && options.confidence < 1))
    throw Error(ErrorKind::kInput,
                fmt::format("estimate.confidence: {} is not between 0 and 1", options.confidence));
  if (const auto problem = interval_problem(options))
    throw Error(ErrorKind::kInput, "estimate." + problem->key + ": " + problem->message);
  check_outcome_options(options.outcome);
}

/// The estimators asked for, or all that the behaviour allows: of cells those alone that are asked
/// for, as they read all items.
EstimatorRequests requested(const std::vector<std::string>& names, const Policy* behavior) {
  const Refusal refusal = [&](const EstimatorEntry& entry) -> std::string {
    if (entry.uses(Need::kPseudoInverse) && behavior == nullptr)
      return "needs the policy that wrote the log, which is not known here";
    return of_single_actions_only(entry);
  };
  std::vector<std::string> all = names;
  for (const EstimatorEntry& entry : estimators().entries())
    if (names.empty() && !entry.parameter && !entry.cells && refusal(entry).empty())
      all.push_back(entry.name);
  return request_estimators(all, kPageFamilies, refusal, "estimate.estimators");
}

/// The same of sessions, which are asked for by name: none is chosen.
SessionRequests requested_of_sessions(const std::vector<std::string>& names) {
  const std::string where = "estimators of sessions";
  for (const std::string& name : names)
    if (name.ends_with("auto"))
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: {} chooses among estimators of pages; expected {}", where, name,
                              fmt::join(session_estimators().names(), ", ")));
  return chosen_for_sessions(names, where);
}

EstimatorRequests as_requests(const SessionRequests& sessions) {
  EstimatorRequests out{sessions.estimators, {}};
  for (std::size_t e = 0; e < out.scored.size(); ++e)
    out.asked.push_back({out.scored[e].name, {e}, false});
  return out;
}

const ChoiceRule& choice_rule(const std::string& name) {
  const ChoiceRule& rule = choice_rules().at(name, "estimate.selection");
  if (rule.needs_rounds)
    throw Error(ErrorKind::kInput, "estimate.selection: " + name +
                                       " serves logs of single recommendations, not pages");
  return rule;
}

/// Whether item orders count: not where all share one ranker that leaves nothing to luck.
bool items_count(const std::vector<Candidate>& candidates, const Policy* behavior) {
  const Ranker* shared = behavior == nullptr ? nullptr : behavior->ranker();
  return (shared != nullptr && !shared->deterministic()) ||
         std::any_of(candidates.begin(), candidates.end(),
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
  needs.cells = any(Need::kCells);
  // Of cells every item's probability is read, so that what the log says of its orders counts.
  needs.items = items_count(candidates, behavior) || (needs.cells && behavior == nullptr);
  return needs;
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
    fitted =
        fit_outcome_models(rounds, to_fit, rng, options.outcome, options.threads, options.progress);
  std::vector<std::shared_ptr<const OutcomeModel>> models;
  std::size_t next = 0;
  for (const std::string& metric : options.metrics) {
    const auto given = options.outcome_models.find(metric);
    models.push_back(given != options.outcome_models.end() ? given->second : fitted[next++]);
  }
  return models;
}

/// Items of the longest row, for estimators of cells.
std::size_t longest_row(const RoundSource& rounds, int threads) {
  if (rounds.schema->n_positions > 0) return rounds.schema->n_positions;
  std::size_t longest = 1;
  ordered_reduce(
      rounds.n_shards, threads,
      [&](std::size_t shard) {
        const Offsets items = rounds.read(shard, {false, true, false, false}).pages.item_offsets;
        std::size_t own = 0;
        for (std::size_t s = 0; s + 1 < items.size(); ++s)
          own = std::max<std::size_t>(own, items[s + 1] - items[s]);
        return own;
      },
      [&](std::size_t, std::size_t own) { longest = std::max(longest, own); });
  return longest;
}

/// A list is a page of one row, whose items' own weights are those of its cells.
void plan_cells(const EvaluateOptions& options, EvaluationPlan& plan) {
  const bool list = plan.decision == Decision::kItems;
  plan.n_rows = list ? 1 : plan.n_slots;
  plan.row_length = list ? plan.n_slots : longest_row(plan.rounds, options.threads);
  plan.needs.cascade |= list;
  plan.needs.item_position |= list;
}

/// Raises: Error(kInput) where pages have more cells than are worth a ratio each.
void check_cells(const std::vector<Estimator>& scored, const EvaluationPlan& plan) {
  constexpr std::size_t kMost = 200;
  for (const Estimator& each : scored)
    if (each.entry->uses(Need::kCells) && each.layout(2).parts.size() > 1 &&
        plan.n_places(each) > kMost)
      throw Error(ErrorKind::kInput,
                  fmt::format("estimate.estimators: {} divides by the mean weight of each cell, "
                              "and pages have up to {}; expected at most {}",
                              each.name, plan.n_places(each), kMost));
}

/// Rounds of the longest session. Raises: Error(kInput) where it has more than weights can bear.
std::size_t longest_session(const RoundSource& rounds, int threads) {
  std::size_t longest = 1;
  ordered_reduce(
      rounds.n_shards, threads,
      [&](std::size_t shard) {
        const Offsets sessions =
            session_offsets(rounds.read(shard, {false, false, false, false}).requests);
        std::size_t own = 0;
        for (std::size_t s = 0; s + 1 < sessions.size(); ++s)
          own = std::max<std::size_t>(own, sessions[s + 1] - sessions[s]);
        return own;
      },
      [&](std::size_t, std::size_t own) { longest = std::max(longest, own); });
  constexpr std::size_t kMost = 100;
  if (longest > kMost)
    throw Error(ErrorKind::kInput,
                fmt::format("sessions: one has {} pages, expected at most {}: products of so many "
                            "weights say nothing",
                            longest, kMost));
  return longest;
}

/// Sessions in the place of pages: of a page its whole weight counts.
void plan_sessions(const EvaluateOptions& options, EvaluationPlan& plan) {
  if (!(*options.session_discount >= 0 && *options.session_discount <= 1))
    throw Error(ErrorKind::kInput,
                fmt::format("sessions: discount {} is not in [0, 1]", *options.session_discount));
  if (plan.component >= 0)
    throw Error(ErrorKind::kInput,
                "estimate.log_subset: serves pages; a session is of all parts of the behavior");
  plan.session_discount = options.session_discount;
  plan.n_slots = longest_session(plan.rounds, options.threads);
  const bool items = plan.needs.items;
  plan.needs = {};
  plan.needs.page = true;
  plan.needs.items = items;
  plan.needs.direct = plan.sessions.modelled() || plan.sessions.marginal();
  plan.session_folds = {plan.rng, 2, false};
}

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

/// Fitted Q and state weights, from a pass of their own.
void learn_sessions(const EvaluateOptions& options, EvaluationPlan& plan) {
  EvaluationPlan learning = plan;
  learning.learns_sessions = true;
  learning.n_bootstrap = 0;
  for (const SessionMoments& moments : sum_all(learning, options).session_moments)
    plan.session_models.emplace_back(moments);
}

/// Appends what is read off the distributions of returns, policy by policy.
void add_distributions(const EvaluationPlan& plan, const SessionRows& rows,
                       const EvaluateOptions& options,
                       std::vector<std::vector<Estimate>>& estimates) {
  const DistributionOptions how{options.confidence, static_cast<std::size_t>(options.n_bootstrap),
                                static_cast<std::size_t>(options.cdf_points)};
  for (std::size_t c = 0; c < plan.candidates.size(); ++c)
    for (std::size_t m = 0; m < plan.metrics.size(); ++m)
      for (const CdfEstimator each : plan.sessions.distributions) {
        const std::vector<Estimate> own = distribution_estimates(
            each,
            {rows.user, rows.total[m], rows.weight[c], rows.value[c * plan.metrics.size() + m]},
            plan.metrics[m] + "_per_session", how, plan.rng);
        estimates[c].insert(estimates[c].end(), own.begin(), own.end());
      }
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
  const bool sessions = options.session_discount.has_value();
  if (sessions) plan.sessions = requested_of_sessions(options.estimators);
  const EstimatorRequests requests =
      sessions ? as_requests(plan.sessions) : requested(options.estimators, plan.behavior);
  const ChoiceRule& rule = choice_rule(options.selection);
  const std::vector<Estimator>& entries = requests.scored;
  plan.needs = needs_of(entries, candidates, plan.behavior);
  if (plan.decision == Decision::kItems) plan.needs.items = false;  // they are the decision
  if (sessions) plan_sessions(options, plan);
  plan.columns_of_row = static_cast<std::size_t>(options.columns_of_row);
  if (plan.needs.cells) plan_cells(options, plan);
  check_cells(entries, plan);
  add_targets(entries, baseline, plan);
  plan_interval(options, plan);
  if (sessions && plan.needs.direct)
    learn_sessions(options, plan);
  else if (plan.needs.direct)
    plan.outcome_models = outcome_models(rounds, rng, options);
  const EvaluationSums sums = sum_all(plan, options);
  const Choose choose = [&](std::size_t /*candidate*/, const EstimatorRequest& request,
                            std::span<const Estimate> members) {
    return choose_estimate(request, members, sums.n_users, rule);
  };
  std::vector<std::vector<Estimate>> out(candidates.size());
  if (!requests.asked.empty())
    out = answer_requests(requests, target_estimates(plan, sums, options, baseline),
                          candidates.size(), choose);
  add_distributions(plan, sums.session_rows, options, out);
  return out;
}

}  // namespace rehearsal
