#pragma once

#include "sim/world/world.h"

namespace rehearsal {

/// The lines of worlds.cc, one a file.
WorldEntry catalogue_world();
WorldEntry item_page_world();
WorldEntry recogym_world();
WorldEntry recogym_v0_world();
WorldEntry deezer_carousels_world();
WorldEntry kuaisim_world();
WorldEntry media_video_world();
WorldEntry media_homepage_world();
WorldEntry media_radio_world();
WorldEntry recsim_interest_evolution_world();
WorldEntry recsim_interest_exploration_world();
WorldEntry recsim_long_term_satisfaction_world();

}  // namespace rehearsal
