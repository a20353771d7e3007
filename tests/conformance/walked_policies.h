#pragma once

#include <string>

namespace rehearsal::testing {

/// Which types of the table of policies this test program walks. Every type is walked by one:
/// test_torch has those whose file only libtorch can write.
bool walks(const std::string& type);
/// Fields that a type cannot do without, and shorter trainings: all others must work with their
/// defaults. Returns: "key: value, ..." or "".
std::string needed_fields(const std::string& type);

}  // namespace rehearsal::testing
