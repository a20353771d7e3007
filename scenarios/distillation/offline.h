#pragma once

#include <map>
#include <string>
#include <vector>

#include "policies/multi_task_ranker.h"
#include "sim/log/log.h"

namespace rehearsal {

/// What an arm's tasks say of pages it never learnt from, by name: TASK_auc, TASK_log_loss,
/// TASK_calibration and TASK_ece, or TASK_r2 and TASK_calibration; the same with _new for the
/// items released in the log; missing_inputs (a share), multiply_adds.
/// Args: schema: of the rounds.
std::map<std::string, double> offline_scores(const MultiTaskRanker& ranker, const Schema& schema,
                                             const std::vector<LogBatch>& rounds);

/// Whether a ranker serves the same with and without the distillation heads of its training, to the
/// last bit. Args: served, trained: the ranker with its served and with its training state.
bool serves_the_same(const MultiTaskRanker& served, const MultiTaskRanker& trained,
                     const LogBatch& rounds);

}  // namespace rehearsal
