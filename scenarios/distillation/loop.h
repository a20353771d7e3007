#pragma once

#include <filesystem>
#include <memory>

#include "scenarios/distillation/arms.h"
#include "sim/engine/live.h"

namespace rehearsal {

/// What every loop of a student has in common.
struct Loop {
  const Domain& domain;
  const std::vector<Teacher>& teachers;
  const Lessons& lessons;  // of the first log
  const LoopStep& step;
  std::int64_t rounds_a_day = 1;
  std::filesystem::path folder;  // labels of the live rounds go here
};

/// The closed loop of one arm: it serves every user for so many days; each night it is trained anew
/// on the first log and a share of what it served, with the teachers' labels of both. Arms meet the
/// same users with the same luck, and learn from the same users' rounds.
/// Args: first: the arm as trained on the first log, which serves on day one.
/// Returns: sums over each user's rounds.
LiveOutcome close_loop(const Loop& loop, const ArmSpec& arm, std::shared_ptr<Policy> first,
                       const std::string& name);

}  // namespace rehearsal
