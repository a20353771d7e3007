#pragma once

#include <string>

#include "tests/support/source_folder.h"

namespace rehearsal {

/// A scenario that takes a moment, with every step of a run.
inline const std::string kTiny = testing::source_folder() + "/tests/scenarios/tiny.yaml";

}  // namespace rehearsal
