#include "sim/world/makers.h"
#include "sim/world/world.h"

namespace rehearsal {

const Registry<WorldEntry>& worlds() {
  static const Registry<WorldEntry> table("world", {item_page_world()});
  return table;
}

}  // namespace rehearsal
