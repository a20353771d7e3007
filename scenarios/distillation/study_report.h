#pragma once

#include <string>
#include <vector>

#include "scenarios/study.h"

namespace rehearsal {

/// A study's cells as tables of arms and points; "" for a study of plain scenarios. Where the grid
/// is the length of a teacher's log, first and last cell tell of 1x and 100x data.
/// Args: results: in the order of the jobs.
std::string distillation_tables(const Study& study, const std::vector<StudyJob>& jobs,
                                const std::vector<Results>& results);

}  // namespace rehearsal
