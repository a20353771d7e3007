#include "sim/world/makers.h"
#include "sim/world/world.h"

namespace rehearsal {

const Registry<WorldEntry>& worlds() {
  static const Registry<WorldEntry> table("world", {
                                                       item_page_world(),
                                                       catalogue_world(),
                                                       recsim_interest_evolution_world(),
                                                       recsim_interest_exploration_world(),
                                                       recsim_long_term_satisfaction_world(),
                                                       recogym_world(),
                                                       recogym_v0_world(),
                                                       deezer_carousels_world(),
                                                       kuaisim_world(),
                                                       media_video_world(),
                                                       media_homepage_world(),
                                                       media_radio_world(),
                                                   });
  return table;
}

}  // namespace rehearsal
