#pragma once

#include <string>

namespace rehearsal {

/// This program's version, as logs and results carry it.
/// Returns: "0.1.0+<commit>", with "-dirty" behind it when the sources differ from that commit;
/// "0.1.0" when built outside a git checkout.
std::string version();

}  // namespace rehearsal
