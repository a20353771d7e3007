#include "sim/core/version.h"

#include "build_version.h"

namespace rehearsal {

std::string version() {
  const std::string commit = REHEARSAL_COMMIT;
  const std::string numbers = REHEARSAL_VERSION;
  return commit.empty() ? numbers : numbers + "+" + commit;
}

}  // namespace rehearsal
