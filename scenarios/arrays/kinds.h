#pragma once

// What scores each kind of group: all of it, or some of its rounds without what needs them all; see
// CaseKind. For scenarios/arrays/kinds.cc only.

#include "scenarios/arrays/arrays.h"

namespace rehearsal {

/// Single actions from a finite set: golden kind "contextual_bandit".
CaseResult evaluate_contextual_bandit(const ArrayGroup& group, const ArrayOptions& options);
void score_contextual_bandit_block(const ArrayGroup& block, Scores& scores);
/// Single actions that show as embeddings: "action_embedding" (marginalized weights).
CaseResult evaluate_action_embedding(const ArrayGroup& group, const ArrayOptions& options);
void score_embedded_actions(const ArrayGroup& block, Scores& scores);
/// Single actions logged by several policies: "multi_logger".
CaseResult evaluate_multi_logger(const ArrayGroup& group, const ArrayOptions& options);
void score_several_loggers(const ArrayGroup& block, Scores& scores);
/// Actions on the line: "continuous_action".
CaseResult evaluate_continuous_action(const ArrayGroup& group, const ArrayOptions& options);
void score_continuous_actions(const ArrayGroup& block, Scores& scores);
/// Slates, one row a position: "slate".
CaseResult evaluate_slates(const ArrayGroup& group, const ArrayOptions& options);
void score_slates(const ArrayGroup& block, Scores& scores);
/// Sessions of equal length, one row a step, of SCOPE-RL.
CaseResult evaluate_sessions(const ArrayGroup& group, const ArrayOptions& options);

}  // namespace rehearsal
