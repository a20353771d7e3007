#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analysis/calibration.h"
#include "analysis/diagnostics.h"
#include "analysis/evaluate.h"
#include "analysis/session_models.h"
#include "analysis/sessions.h"
#include "analysis/weights.h"
#include "sim/decision.h"

namespace rehearsal {

/// One number that an evaluation asks for: a candidate, a metric, an estimator, and where its
/// columns stand.
struct Target {
  std::size_t candidate = 0;
  std::size_t metric = 0;
  Estimator estimator;
  TermLayout layout;
  std::size_t first_column = 0;
  std::ptrdiff_t baseline = -1;   // index of the baseline's target, -1: no lift of its own
  std::ptrdiff_t cell_rule = -1;  // its weight in the plan's cell_rules, -1: not of cells

  /// Columns of the panel whose moments are kept: the difference from the baseline, the baseline,
  /// and the rounds; without a baseline the columns themselves and the rounds.
  std::size_t n_moments() const { return (baseline >= 0 ? 2 : 1) * layout.n_columns + 1; }
};

/// What one evaluation computes, fixed before the pass. Column 0 counts units: rounds, or sessions
/// whose rounds are in the place of slots.
struct EvaluationPlan {
  RoundSource rounds;
  std::vector<Candidate> candidates;
  std::vector<std::string> metrics;
  std::vector<std::shared_ptr<const OutcomeModel>> outcome_models;  // by metric; empty: no q_hat
  std::vector<Target> targets;  // candidate by candidate, metrics x estimators
  std::size_t n_columns = 1;
  Decision decision = Decision::kModules;
  std::size_t n_slots = 1;    // most places of a decision
  std::size_t n_modules = 1;  // choices with names
  WeightNeeds needs;
  std::vector<CellRule> cell_rules{};        // weights of the estimators of cells
  std::size_t n_rows = 0;                    // of them: modules on a page, 1 in a list
  std::size_t row_length = 0;                // most items of a row
  std::size_t columns_of_row = 0;            // as of EvaluateOptions
  std::optional<double> session_discount{};  // set: units are sessions, n_slots pages at most
  SessionRequests sessions{};                // of them, in the order of each metric's targets
  bool learns_sessions = false;              // the pass gathers moments for the models of sessions
  std::vector<SessionModels> session_models{};  // by candidate; empty: none is read
  CrossFitting session_folds{};
  const Policy* behavior = nullptr;  // of the rounds used; null: not known
  int component = -1;                // >= 0: only its rounds, with behavior's own propensities
  std::size_t n_bootstrap = 0;
  bool keep_users = false;  // for intervals that are made of users' rows
  Rng rng{0};

  bool by_cells() const { return !cell_rules.empty(); }
  std::size_t n_cells() const { return n_rows * row_length; }
  /// Places that an estimator's terms and weights are of.
  std::size_t n_places(const Estimator& estimator) const {
    return estimator.entry->uses(Need::kCells) ? n_cells() : n_slots;
  }
};

/// Adds the numbers asked for: every candidate by every metric and estimator, and their columns.
/// Args: baseline: index of the candidate that lifts are relative to, or -1.
void add_targets(std::span<const Estimator> scored, int baseline, EvaluationPlan& plan);

/// Places of a candidate's weight statistics.
std::size_t stats_index(const EvaluationPlan& plan, Need need, std::size_t slot);
std::size_t n_stats(const EvaluationPlan& plan);
/// The same of a session's pages in their states, and of a rule's cells.
std::size_t marginal_stats_index(const EvaluationPlan& plan, std::size_t page);
std::size_t cell_stats_index(const EvaluationPlan& plan, std::size_t rule, std::size_t cell);

/// Sessions one by one, for the distribution of their returns.
struct SessionRows {
  std::vector<std::uint32_t> user;          // (sessions)
  std::vector<std::vector<double>> total;   // [metric] (sessions)
  std::vector<std::vector<double>> weight;  // [candidate] (sessions)
  std::vector<std::vector<double>> value;   // [candidate * metrics + metric] (sessions) V(s_0)
};

/// Sufficient sums of some rounds. A user's rounds are never split.
struct EvaluationSums {
  double n_rounds = 0;  // or sessions
  double n_users = 0;
  std::vector<double> columns;                  // (n_columns)
  std::vector<std::vector<double>> moments;     // [target] (n_moments, n_moments), of users' sums
  std::vector<double> bootstrap;                // (n_bootstrap, n_columns)
  std::vector<WeightStats> stats;               // (candidates, n_stats)
  std::vector<double> gap;                      // (candidates, n_slots, n_modules) unsupported mass
  double n_shown = 0;                           // slots
  std::vector<double> cell_gap;                 // (candidates, cells) likewise, of cells
  double n_items = 0;                           // in them
  std::vector<CalibrationSums> calibration;     // by metric, of q_hat; empty: no q_hat
  std::vector<double> users;                    // (n_users, n_columns) where plan.keep_users
  std::vector<SessionMoments> session_moments;  // by candidate, where plan.learns_sessions
  SessionRows session_rows;                     // where distributions are wanted

  explicit EvaluationSums(const EvaluationPlan& plan);
  void add(const EvaluationSums& other);
  /// Whole users. Args: ids: of the users.  rows: (ids, plan.n_columns) each one's sums.
  void add_users(const EvaluationPlan& plan, std::span<const std::uint32_t> ids,
                 std::span<const double> rows);
};

/// The columns that a target's moments are of. Args: users: (n_users, plan.n_columns).
/// out: (n_users, n_moments()) of target t.
void target_panel(const EvaluationPlan& plan, std::size_t t, std::span<const double> users,
                  std::size_t n_users, std::vector<double>& out);

/// Sums of one shard. Args: cache: shared by all shards.
EvaluationSums sum_shard(const EvaluationPlan& plan, std::size_t shard, PseudoInverseCache& cache);

/// Poisson(1) counts of a user's bootstrap weights, addressed by Draw::kBootstrap.
/// Args: out: one a resample.
void bootstrap_weights(const Rng& rng, UserId user, std::span<double> out);

}  // namespace rehearsal
