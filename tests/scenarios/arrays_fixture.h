#pragma once

// Files in Open Bandit Pipeline's layout that the tests write themselves.

#include <string>
#include <vector>

#include "sim/log/log.h"

namespace rehearsal::testing {

/// Three rounds of two actions, worked by hand: weights 1.5, 0.5, 2; q_hat of what was done 0.5,
/// 0.25, 1; direct terms 0.6, 0.7, 0.5.
inline Arrays bandit_by_hand() {
  return {
      {"a_case/inputs/action", {{3}, {0, 1, 0}}},
      {"a_case/inputs/position", {{3}, {0, 0, 0}}},
      {"a_case/inputs/reward", {{3}, {1, 0, 2}}},
      {"a_case/inputs/pscore", {{3}, {0.5, 0.5, 0.25}}},
      {"a_case/inputs/action_dist", {{3, 2, 1}, {0.75, 0.25, 0.75, 0.25, 0.5, 0.5}}},
      {"a_case/inputs/q_hat", {{3, 2, 1}, {0.5, 0.9, 0.85, 0.25, 1, 0}}},
  };
}

/// Writes arrays whose names are paths, and returns the file.
inline std::string write_arrays(const std::string& file, const Arrays& arrays) {
  save_arrays(file, arrays);
  return file;
}

}  // namespace rehearsal::testing
