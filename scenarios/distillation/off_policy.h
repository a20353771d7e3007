#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "analysis/results.h"
#include "scenarios/distillation/domains.h"

namespace rehearsal {

/// What is added to a metric's name where every arm serves as first trained.
constexpr const char* kFrozen = "_frozen";

/// An arm as it was first trained.
struct FrozenArm {
  std::string name;
  const Policy* policy = nullptr;
  PolicyResult* result = nullptr;
};

/// The frozen control serves the domain's live users and logs; every arm is scored from that log,
/// and beside it stands what the frozen arms bring the same users with the same luck. Both are
/// written into the arms' results, of METRIC_frozen.
/// Args: arms: of one student.  control: index into arms.  logging: the control as it serves while
///       it logs.  n_rounds: that it serves.
///       folder: of the log, new.
void score_off_policy(const Domain& domain, const std::vector<FrozenArm>& arms, std::size_t control,
                      const Policy& logging, const OffPolicyStep& step, std::uint64_t n_rounds,
                      const std::filesystem::path& folder, const RunOptions& options);

}  // namespace rehearsal
