#pragma once

#include "sim/world/world.h"

namespace rehearsal {

/// The lines of worlds.cc, one a file.
WorldEntry item_page_world();

}  // namespace rehearsal
