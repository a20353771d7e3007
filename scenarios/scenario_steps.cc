// The keys of a scenario's steps.
#include "analysis/evaluation_estimates.h"
#include "analysis/interval_kinds.h"
#include "scenarios/outcomes.h"
#include "scenarios/scenario.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

constexpr std::int64_t kMostPages = std::int64_t{1} << 40;

}  // namespace

Fields LogStep::fields() {
  return Fields()
      .add("policy", policy, "the behaviour policy, by name")
      .add("pages", pages, 1, kMostPages, "logged pages")
      .add("shard_pages", shard_pages, 1, 1 << 24, "pages a shard holds, about")
      .add("train_share", train_share, 0.01, 1,
           "share of the users that learners learn from; estimators see the others, so that no "
           "policy is judged by what it learnt from. 1: both see all of them");
}

Fields OutcomeStep::fields() {
  return Fields()
      .choice("type", type, outcomes().names(), "family of models, by 'rehearsal list outcomes'")
      .add("folds", folds, 2, 100,
           "of users: each is predicted by a model that did not learn from it")
      .choice("calibrate", calibrate, {"none", "platt", "isotonic"},
              "how predictions are corrected, on a fold that taught no model; needs 3 folds");
}

Fields EstimateStep::fields() {
  return Fields()
      .choices("metrics", metrics, ::rehearsal::metrics().names(), "what is estimated, a page")
      .add_list_or("estimators", estimators, {"auto"},
                   "off-policy estimators: names of 'rehearsal list estimators', a "
                   "hyper-parameter after an underscore, as in dr_clip_10; dr_clip_auto chooses "
                   "it from the log, auto the estimator too, for each policy and metric")
      .choice("selection", selection, {"slope", "slope_plus_plus"},
              "how auto chooses: a name of 'rehearsal list selection'")
      .choice("interval", interval, interval_kinds().names(),
              "how intervals are made: a name of 'rehearsal list intervals'")
      .add("n_bootstrap", n_bootstrap, 20, 100000, "bootstrap replicates, by user")
      .add("reward_range", reward_range, -1e12, 1e12,
           "[low, high] of a page's reward, known beforehand: for intervals that are bounds")
      .add("max_weight", max_weight, 0, 1e12,
           "largest importance weight possible, known beforehand; 0: not known")
      .add("segments", segments,
           "categories of the context: estimates for each of their levels as well")
      .add("columns_of_row", columns_of_row, 0, 10000,
           "items of a row that count at least for each of its items, by row_marginal, row_cascade "
           "and page_cascade: the visible ones where they decide whether the row is looked at")
      .add("confidence", confidence, 0.5, 0.9999, "of every interval")
      .add("log_subset", log_subset,
           "all, or a part of the behaviour mixture: its pages alone, with its propensities")
      .group("outcome", outcome.fields(), "the reward model q_hat of dm, dr and their kin");
}

Fields LiveStep::fields() {
  return Fields()
      .add("baseline", baseline, "the policy that lifts are relative to")
      .add("pages", pages, 1, kMostPages, "pages that each policy shows")
      .choices("metrics", metrics, ::rehearsal::metrics().names(), "what is measured, a page");
}

Fields OnlineStep::fields() {
  return Fields()
      .add("policies", policies,
           "who serves, each the same users; bandits learn meanwhile, the others stay as they are. "
           "None: no such experiment. Shares of regret are of the first one's")
      .add("best", best, "the policy whose pages regret is measured against, an oracle")
      .choice("metric", metric, ::rehearsal::metrics().names(), "what regret is of")
      .add("batches", batches, 1, 1'000'000, "how often bandits learn")
      .add("pages", pages, 1, kMostPages, "pages of a batch, which a policy serves unchanged")
      .add("delay", delay, 0, 1'000'000,
           "batches by which what happened comes late: batch b + 1 is served with what was learnt "
           "up to batch b - delay")
      .choice("start", start, {"fresh", "log"},
              "bandits start with what they were given, or with what they learnt from the log");
}

Fields GateStep::fields() {
  return Fields()
      .choice("metric", rule.metric, ::rehearsal::metrics().names(), "whose lift decides")
      .add("min_lift", rule.min_lift, -1, 1e6, "least lift that is promoted; 0.01 is +1 %")
      .add("guardrails", rule.guardrails, -1, 1e6, "least acceptable lift of other metrics")
      .add("estimator", rule.estimator, "whose estimates decide offline")
      .add("confidence", rule.confidence, 0.5, 0.9999, "of the bounds")
      .choice("correction", rule.correction, {"holm", "bonferroni", "none"},
              "for several candidates")
      .add("least_ess", rule.least_ess, 0, 1e12,
           "effective pages below which an estimate decides nothing")
      .add("least_successes", rule.least_successes, 0, 1e12,
           "(value / standard error)^2 below which it decides nothing")
      .add("candidates", candidates,
           "who is judged; none named: all but the baseline, the behaviour policy and oracles");
}

EvaluateOptions evaluate_options(const EstimateStep& step) {
  EvaluateOptions out;
  out.metrics = step.metrics;
  out.estimators = step.estimators;
  out.selection = step.selection;
  out.interval = step.interval;
  out.n_bootstrap = step.n_bootstrap;
  out.reward_range = step.reward_range;
  out.max_weight = step.max_weight;
  out.columns_of_row = step.columns_of_row;
  out.confidence = step.confidence;
  out.log_subset = step.log_subset;
  return out;
}

}  // namespace rehearsal
