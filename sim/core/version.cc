#include "sim/core/version.h"

#include "build_version.h"

namespace rehearsal {

std::string version() {
  std::string text = REHEARSAL_VERSION;
  const std::string commit = REHEARSAL_COMMIT;
  if (!commit.empty()) text.append("+").append(commit);
  return text;
}

}  // namespace rehearsal
