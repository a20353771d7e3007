#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "analysis/behavior_model.h"
#include "analysis/estimators.h"
#include "analysis/evaluate.h"
#include "sim/log/log.h"

namespace rehearsal {

/// How large a log of single recommendations is.
struct ActionShape {
  std::size_t n_rounds = 0;
  std::size_t n_actions = 0;
  std::size_t n_positions = 1;
};

/// Rounds of such a log in columns: pages of one module with one item. What is judged is the item
/// ("action"), at a place that the context gives ("position").
struct ActionLog {
  ActionShape shape;                    // of the whole log
  std::size_t first_round = 0;          // of the whole log, that row 0 is
  std::vector<std::uint32_t> user;      // (rows) ascending; a user's rows are together
  std::vector<std::uint32_t> action;    // (rows) item shown
  std::vector<std::uint32_t> position;  // (rows) 0 where there is no such context feature
  std::vector<double> reward;           // (rows) clicks
  std::vector<double> pscore;           // (rows) in (0, 1]

  std::size_t size() const { return user.size(); }
};

/// Such a log in shards; `read` may be called from any thread.
struct ActionSource {
  ActionShape shape;
  std::size_t n_shards = 0;
  std::function<ActionLog(std::size_t shard)> read;
};

/// Whether every page of the log has one slot of one module.
bool has_single_actions(const LogReader& log);
/// Args: log: outlives the source.  estimated: whose propensities stand in place of the logged
///       ones; null: as logged, round by round, whichever policy was at work.
/// Raises (as read): Error(kInput) for a page without exactly one item, or rounds without clicks
/// recorded.
ActionSource source_of_actions(const LogReader& log,
                               std::shared_ptr<const BehaviorModel> estimated = nullptr);
/// The propensities of a log's actions given the context, learnt from the log on folds of users.
/// Its seed deals the folds.
std::shared_ptr<const BehaviorModel> estimate_behavior(const LogReader& log, int threads);
/// The whole log at once.
ActionLog read_action_log(const ActionSource& log);
inline ActionLog read_action_log(const LogReader& log) {
  return read_action_log(source_of_actions(log));
}
/// One shard in memory, which outlives the source.
ActionSource source_of_actions(const ActionLog& log);

/// A table's numbers for some rounds of a log, borrowed in part: for rounds and actions by their
/// place in those rounds.
class ActionRows {
 public:
  ActionRows(ActionRows&&) = default;  // moved, never copied: values_ may borrow from own_
  /// Args: round: below the number of rows.
  double at(std::size_t round, std::size_t action) const;
  double logged(std::size_t round) const;
  /// Raises: Error(kInput) for a value outside [0, 1] or, where complete, actions that do not sum
  /// to 1 (1e-6).
  void require_probabilities() const;

 private:
  friend class ActionTable;
  ActionRows() = default;
  enum class Kind { kUniform, kActionPosition, kRoundAction, kRoundActionPosition, kLogged };

  const ActionLog* log_ = nullptr;
  std::string name_;
  Kind kind_ = Kind::kUniform;
  std::size_t first_value_ = 0;  // place of values_[0] in the dataset
  std::vector<double> own_;
  std::span<const double> values_;
};

/// A number for each action of a round, or for the logged one alone, from a stored dataset that
/// stays on disk where it has a row a round.
class ActionTable {
 public:
  /// Every action equally likely.
  static ActionTable uniform() { return {}; }
  /// Args: reference: "FILE.h5:DATASET" of shape (n_actions, n_positions), (n_rounds, n_actions),
  ///       (n_rounds, n_actions, n_positions), or (n_rounds), the logged actions' alone.
  /// Raises: Error(kInput) for another shape.
  ActionTable(const std::string& reference, const ActionShape& shape);

  /// False for (n_rounds): only logged() may be asked.
  bool complete() const { return kind_ != ActionRows::Kind::kLogged; }
  /// Args: log: rounds of the log of this shape; outlives the rows, as does the table.
  /// Raises: Error(kInput) for a value that is not finite.
  ActionRows rows(const ActionLog& log) const;
  const std::string& name() const { return name_; }

 private:
  ActionTable() = default;

  std::string name_ = "uniform";
  ActionRows::Kind kind_ = ActionRows::Kind::kUniform;
  std::size_t width_ = 0;       // values a round, where rows are read
  std::vector<double> values_;  // of all rounds alike
};

/// A policy to be scored, with what the direct method needs of it.
struct ActionCandidate {
  std::string name;
  ActionTable policy;
  std::optional<ActionTable> expected_q_hat;  // (n_rounds) E_policy[q_hat]; none: summed
};

/// Of EvaluateOptions, estimators, selection, threads and what makes intervals count here. "auto"
/// chooses among ips, clipped snips and, with q_hat, shrunken doubly robust forms.
struct ActionEvaluation : EvaluateOptions {
  const ActionTable* q_hat = nullptr;     // null: dm, dr, sndr ... do not apply
  const ActionTable* behavior = nullptr;  // of every action: for selection "pas_if"
  bool estimated = false;        // the propensities are: weighted estimates carry a warning
  std::ptrdiff_t baseline = -1;  // index of the candidate that lifts are relative to
  Rng rng{0};                    // resamples, and how PAS-IF cuts the log
};

/// Scores policies by the sums that score pages: a single recommendation is a page of one slot,
/// whose page, cascade, item-position and pseudo-inverse weights are one number. Streams the log
/// shard by shard; memory does not grow with it, but for intervals that keep a row a user and for
/// selection "pas_if". Users are the unit of standard errors (delta method).
/// Returns: estimates[candidate], in the order of the estimators asked for. Raises: Error(kInput)
/// for an estimator whose q_hat is missing, and unknown names.
std::vector<std::vector<Estimate>> evaluate_actions(const ActionSource& log,
                                                    const std::vector<ActionCandidate>& candidates,
                                                    const ActionEvaluation& options);

/// The estimate that PAS-IF chooses for a candidate, and why. Args: scored: the estimators of
/// `members`.  log: the whole of it.  Raises: Error(kInput) without options.behavior, where it
/// contradicts the log's propensities, and where the candidate or a q_hat in use is not known for
/// every action.
Estimate choose_by_pas_if(const std::string& name, std::span<const Estimator> scored,
                          std::span<const Estimate> members, const ActionLog& log,
                          const ActionCandidate& candidate, const ActionEvaluation& options);

}  // namespace rehearsal
