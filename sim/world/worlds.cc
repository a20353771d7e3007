#include "sim/world/world.h"

namespace rehearsal {

const Registry<WorldEntry>& worlds() {
  static const Registry<WorldEntry> table("world", {});
  return table;
}

}  // namespace rehearsal
