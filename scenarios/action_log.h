#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "analysis/estimators.h"
#include "analysis/evaluate.h"
#include "sim/log/log.h"

namespace rehearsal {

/// A log of single recommendations in columns: pages of one module with one item. What is judged is
/// the item ("action"), at a place that the context gives ("position").
struct ActionLog {
  std::vector<std::uint32_t> user;      // (n_rounds) ascending
  std::vector<std::uint32_t> action;    // (n_rounds) item shown
  std::vector<std::uint32_t> position;  // (n_rounds) 0 where there is no such context feature
  std::vector<double> reward;           // (n_rounds) clicks
  std::vector<double> pscore;           // (n_rounds) in (0, 1]
  std::size_t n_actions = 0;
  std::size_t n_positions = 1;

  std::size_t size() const { return user.size(); }
};

/// Whether every page of the log has one slot of one module.
bool has_single_actions(const LogReader& log);
/// Raises: Error(kInput) for a page without exactly one item, or rounds without clicks recorded.
ActionLog read_action_log(const LogReader& log);

/// A number for each action of a round, or for the logged one alone, from a stored dataset.
class ActionTable {
 public:
  /// Every action equally likely.
  static ActionTable uniform(const ActionLog& log);
  /// Args: reference: "FILE.h5:DATASET" of shape (n_actions, n_positions), (n_rounds, n_actions),
  ///       (n_rounds, n_actions, n_positions), or (n_rounds), the logged actions' alone.
  ///       log: outlives the table.
  /// Raises: Error(kInput) for another shape or a value that is not finite.
  ActionTable(const std::string& reference, const ActionLog& log);

  /// False for (n_rounds): only logged() may be asked.
  bool complete() const { return kind_ != Kind::kLogged; }
  double at(std::size_t round, std::size_t action) const;
  double logged(std::size_t round) const;
  /// Raises: Error(kInput) for a value outside [0, 1] or, where complete, actions that do not sum
  /// to 1 (1e-6).
  void require_probabilities() const;
  const std::string& name() const { return name_; }

 private:
  enum class Kind { kUniform, kActionPosition, kRoundAction, kRoundActionPosition, kLogged };
  explicit ActionTable(const ActionLog& log) : log_(&log), name_("uniform") {}

  const ActionLog* log_;
  std::string name_;
  Kind kind_ = Kind::kUniform;
  std::vector<double> values_;
};

/// A policy to be scored, with what the direct method needs of it.
struct ActionCandidate {
  std::string name;
  ActionTable policy;
  std::vector<double> expected_q_hat;  // (n_rounds) E_policy[q_hat]; empty: summed over actions
};

/// Of EvaluateOptions, estimators, selection and what makes intervals count here. "auto" chooses
/// among ips, clipped snips and, with q_hat, shrunken doubly robust forms.
struct ActionEvaluation : EvaluateOptions {
  const ActionTable* q_hat = nullptr;     // null: dm, dr, sndr ... do not apply
  const ActionTable* behavior = nullptr;  // of every action: for selection "pas_if"
  std::ptrdiff_t baseline = -1;           // index of the candidate that lifts are relative to
  Rng rng{0};                             // resamples, and how PAS-IF cuts the log
};

/// Scores policies by the functions that score pages: a single recommendation is a page of one
/// slot, whose page, cascade, item-position and pseudo-inverse weights are one number.
/// Users are the unit of standard errors (delta method).
/// Returns: estimates[candidate], in the order of the estimators. Raises: Error(kInput) for an
/// estimator whose q_hat is missing, and unknown names.
std::vector<std::vector<Estimate>> evaluate_actions(const ActionLog& log,
                                                    const std::vector<ActionCandidate>& candidates,
                                                    const ActionEvaluation& options);

/// The estimate that PAS-IF chooses for a candidate, and why. Args: scored: the estimators of
/// `members`.  Raises: Error(kInput) without options.behavior, where it contradicts the log's
/// propensities, and where the candidate or a q_hat in use is not known for every action.
Estimate choose_by_pas_if(const std::string& name, std::span<const Estimator> scored,
                          std::span<const Estimate> members, const ActionLog& log,
                          const ActionCandidate& candidate, const ActionEvaluation& options);

}  // namespace rehearsal
