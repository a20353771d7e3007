#pragma once

#include "scenarios/distillation/distillation.h"
#include "scenarios/run.h"

namespace rehearsal {

/// What can be said about a scenario before it runs. Raises: Error(kInput) for what a plug-in
/// refuses.
void check_distillation(const DistillationScenario& scenario);

/// All steps, into an empty folder made by make_run_folder: the worlds' logs, teachers, labels,
/// arms, their scores on pages nothing learnt from, the closed loop. results.json comes last; its
/// policies are "STUDENT.ARM", lifts are over the student's control.
Results run_distillation(const DistillationScenario& scenario, const RunFolder& folder,
                         const RunOptions& options);

}  // namespace rehearsal
