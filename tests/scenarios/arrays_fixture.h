#pragma once

// Files in Open Bandit Pipeline's layout that the tests write themselves.

#include <map>
#include <string>
#include <vector>

#include "scenarios/arrays/arrays.h"
#include "sim/core/error.h"
#include "sim/log/log.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

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

/// By key, each once.
inline std::map<std::string, ArrayEstimate> estimates_of(const NamedCase& scored) {
  std::map<std::string, ArrayEstimate> out;
  for (const ArrayEstimate& e : scored.result.estimates) {
    CHECK(out.count(e.key) == 0);
    out[e.key] = e;
  }
  return out;
}

/// Of the one case of these arrays, in the layout obp.
inline std::map<std::string, ArrayEstimate> score(const Arrays& arrays, ArrayOptions options = {}) {
  const TemporaryFolder folder;
  const std::string file = write_arrays(folder.path("x.h5"), arrays);
  return estimates_of(evaluate_arrays(file, array_layouts().at("obp"), options).at(0));
}

/// The message of an evaluation that must fail.
inline std::string refusal(const Arrays& arrays, const ArrayOptions& options = {}) {
  try {
    score(arrays, options);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "nothing was refused";
}

}  // namespace rehearsal::testing
