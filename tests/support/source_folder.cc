#include "tests/support/source_folder.h"

namespace rehearsal::testing {

std::string source_folder() { return REHEARSAL_SOURCE_DIR; }

}  // namespace rehearsal::testing
