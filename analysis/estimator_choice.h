#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "analysis/estimators.h"
#include "analysis/results.h"
#include "analysis/selection.h"

namespace rehearsal {

/// How "auto" chooses: a line of analysis/estimator_choice.cc.
struct ChoiceRule {
  std::string name;
  std::string summary;
  std::string source;
  SelectBy by = SelectBy::kSlope;  // not read by a rule that needs the rounds
  bool needs_rounds = false;       // PAS-IF: cuts the log itself
};

const Registry<ChoiceRule>& choice_rules();

/// One name of a list: a fixed estimator, or a choice.
struct EstimatorRequest {
  std::string name;                  // "iips", "auto", "dr_clip_auto"
  std::vector<std::size_t> members;  // into EstimatorRequests::scored; several for a choice
  bool choice = false;
};

/// What a list of names asks for.
struct EstimatorRequests {
  std::vector<Estimator> scored;  // each once
  std::vector<EstimatorRequest> asked;
};

/// Why an estimator does not apply to a log, or "".
using Refusal = std::function<std::string(const EstimatorEntry&)>;
/// Of pages: what needs the propensity itself does not apply.
std::string of_single_actions_only(const EstimatorEntry& entry);
/// The other way round: an estimator of cells.
std::string of_pages_only(const EstimatorEntry& entry);

/// Names as parse_estimator takes them, "FAMILY_auto" (that family's hyper-parameter is chosen from
/// its grid) and "auto" (among `families`, each at its grid).
/// Args: families: those that do not apply are passed over.  where: start of messages, or "".
/// Raises: Error(kInput) for an unknown name, and one that does not apply.
EstimatorRequests request_estimators(const std::vector<std::string>& names,
                                     std::span<const char* const> families, const Refusal& refusal,
                                     const std::string& where);
/// A name in full: the table's own, hyper-parameters spelled out. Raises: as request_estimators.
std::string settled_name(const std::string& name, const Refusal& refusal);

/// The estimate that SLOPE chooses, called as requested, and why. A member whose weights are off
/// their mean of 1 by more than twice its 95 % interval, or without any spread, is left out: its
/// width cannot be believed.
/// Args: members: estimates of request.members.  n_units: users or rounds, of Student's t.
/// Raises: Error(kInput) where no member has a value.
Estimate choose_estimate(const EstimatorRequest& request, std::span<const Estimate> members,
                         double n_units, const ChoiceRule& rule);

/// How a choice is made. Args: members: estimates of request.members.
using Choose = std::function<Estimate(std::size_t candidate, const EstimatorRequest& request,
                                      std::span<const Estimate> members)>;

/// What was asked for, of all that was scored. Args: scored: candidate by candidate, metrics x
/// requests.scored.  Returns: estimates[candidate], metrics x requests.asked.
std::vector<std::vector<Estimate>> answer_requests(const EstimatorRequests& requests,
                                                   const std::vector<Estimate>& scored,
                                                   std::size_t n_candidates, const Choose& choose);

}  // namespace rehearsal
