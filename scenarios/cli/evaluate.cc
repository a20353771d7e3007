#include "scenarios/cli/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "analysis/sessions.h"
#include "scenarios/arrays/arrays.h"
#include "scenarios/cli/commands.h"

namespace rehearsal {

namespace {

/// What is judged, and with which propensities and models.
void add_policies(CLI::App& sub, EvaluateCommand& command) {
  sub.add_option("--policy", command.policies,
                 "uniform; the folder of a saved policy (pages); or a stored distribution of shape "
                 "(n_actions, n_positions), (n_rounds, n_actions[, n_positions]), or (n_rounds) of "
                 "the logged actions (single recommendations); repeatable")
      ->type_name("NAME=uniform|DIR|FILE.h5:DATASET")
      ->allow_extra_args(false);
  sub.add_option("--behavior", command.behavior,
                 "Propensities as logged, or estimated from the context, cross-fitted: of single "
                 "recommendations by a multinomial logistic regression, of pages as those of a "
                 "Plackett-Luce policy. For --selection pas_if, of every action: uniform, or a "
                 "stored distribution")
      ->type_name("logged|estimated|uniform|FILE.h5:DATASET");
  sub.add_option("--q-hat", command.q_hat,
                 "Expected reward of each action, in the shapes of a distribution")
      ->type_name("FILE.h5:DATASET");
  sub.add_option("--q-hat-expected", command.q_hat_expected,
                 "(n_rounds) the policy's expectation of q_hat, where --q-hat has only the logged "
                 "actions; repeatable")
      ->type_name("NAME=FILE.h5:DATASET")
      ->allow_extra_args(false);
  sub.add_option("--outcome", command.outcome,
                 "The reward model of pages: a name of 'rehearsal list outcomes', folds of users, "
                 "and none, platt or isotonic")
      ->type_name("TYPE[:FOLDS[:CALIBRATE]]");
}

/// By which estimators, with which intervals.
void add_estimators(CLI::App& sub, EvaluateCommand& command) {
  sub.add_option("--estimators", command.how.estimators,
                 "Names of 'rehearsal list estimators', a hyper-parameter after an underscore "
                 "(dr_clip_10); dr_clip_auto chooses it, auto the estimator too, and says why; "
                 "all that apply by default")
      ->delimiter(',')
      ->type_name("A,B,C");
  sub.add_option("--columns-of-row", command.how.columns_of_row,
                 "Items of a row that count at least for each of its items, by estimators of "
                 "cells: the visible ones where they decide whether the row is looked at")
      ->check(CLI::Range(0, 10000))
      ->type_name("N");
  sub.add_option("--selection", command.how.selection,
                 "How auto chooses: slope, slope_plus_plus, or pas_if (single recommendations; "
                 "minutes a policy)")
      ->type_name("RULE");
  sub.add_option("--interval", command.how.interval, "A name of 'rehearsal list intervals'")
      ->type_name("NAME");
  sub.add_option("--bootstrap", command.how.n_bootstrap, "Resamples of bootstrap intervals")
      ->check(CLI::Range(20, 100000))
      ->type_name("N");
  sub.add_option("--reward-range", command.how.reward_range,
                 "Of a round's reward, known beforehand: for intervals that are bounds")
      ->delimiter(',')
      ->expected(2)
      ->type_name("LOW,HIGH");
  sub.add_option("--max-weight", command.how.max_weight,
                 "Largest importance weight possible, known beforehand; likewise")
      ->check(CLI::NonNegativeNumber)
      ->type_name("W");
  sub.add_option("--confidence", command.how.confidence, "Of the intervals")
      ->check(CLI::Range(0.5, 0.9999))
      ->type_name("P");
}

/// Of what.
void add_metrics(CLI::App& sub, EvaluateCommand& command) {
  sub.add_option("--segments", command.segments,
                 "Categories of a page log's context: scores for each of their levels as well")
      ->delimiter(',')
      ->type_name("A,B");
  sub.add_option("--baseline", command.baseline, "The policy that lifts are relative to")
      ->type_name("NAME");
  sub.add_option("--metrics", command.how.metrics,
                 "Of pages; ctr, and ptr where purchases are recorded, by default")
      ->delimiter(',')
      ->type_name("A,B,C");
  sub.add_flag("--sessions", command.sessions,
               "Score the return of a user's session, where pages change users: by " +
                   fmt::format("{}", fmt::join(session_estimators().names(), ", ")));
  sub.add_option("--discount", command.discount,
                 "Of a session's pages: page t counts as its t-th power, t from 0")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("G");
  sub.add_option("--cdf", command.cdf_points,
                 "Points that results.json has of the distribution function of a session's "
                 "return (cd_sntis ...): 100, fewer where there are fewer; 0 for all")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N");
}

}  // namespace

void add_evaluate(CLI::App& app, Action& action) {
  auto command = std::make_shared<EvaluateCommand>();
  command->how.metrics.clear();  // none named: those that the log has
  CLI::App* sub = app.add_subcommand("evaluate", "Score policies off-policy from any log");
  sub->footer(
      example("  rehearsal evaluate runs/first --policy random=uniform --policy "
              "dnn=runs/first/policies/dnn\n"
              "  rehearsal evaluate logs/men --policy bts=reference.h5:men/action_dist_bts \\\n"
              "      --policy random=uniform --baseline random --q-hat reference.h5:men/q_tabular\n"
              "  rehearsal evaluate arrays.h5 --layout obp --out scores"));
  sub->add_option("log", command->log,
                  "A log folder, its log.h5, or a run folder; with --layout a file of arrays")
      ->required();
  sub->add_option("--layout", command->layout,
                  "Read another tool's arrays, one group a case: " +
                      fmt::format("{}", fmt::join(array_layouts().names(), ", ")))
      ->type_name("NAME");
  add_policies(*sub, *command);
  add_estimators(*sub, *command);
  add_metrics(*sub, *command);
  sub->add_option("--threads", command->how.threads, "Threads, 0 for all; changes no result")
      ->check(CLI::Range(0, 1024))
      ->type_name("N");
  sub->add_option("--out", command->out, "Writes results.json there")->type_name("DIR");
  sub->add_flag("--json", command->json, "Print results.json");
  sub->callback([command, &action] {
    action = [command] {
      return command->layout.empty() ? evaluate_log(*command) : evaluate_file(*command);
    };
  });
}

}  // namespace rehearsal
