#pragma once

// Reference values and data that stand beside the repository and never in it. Tests that need them
// skip, with a message, where they are absent.

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/catch.h"
#include "tests/support/source_folder.h"

namespace rehearsal::testing {

/// The path of "golden/..." or "data/..." under $REHEARSAL_SHARED or, without it, ../shared.
/// Returns: "" and a warning where it is not there.
inline std::string shared_file(const std::string& path) {
  const char* named = std::getenv("REHEARSAL_SHARED");
  const std::filesystem::path root = named != nullptr
                                         ? std::filesystem::path(named)
                                         : std::filesystem::path(source_folder()) / ".." / "shared";
  if (std::filesystem::exists(root / path)) return (root / path).string();
  WARN("skipped: " + (root / path).string() + " is not there");
  return "";
}

}  // namespace rehearsal::testing
