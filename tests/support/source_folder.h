#pragma once

#include <string>

namespace rehearsal::testing {

/// The folder of the sources, without a slash at its end.
std::string source_folder();

}  // namespace rehearsal::testing
