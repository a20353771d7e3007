#include "users/users.h"

#include "users/makers.h"
#include "users/page_users.h"

namespace rehearsal {

const Registry<UserModelEntry>& user_models() {
  static const Registry<UserModelEntry> table("user model",
                                              {
                                                  item_page_users(),
                                                  page_users<pbm_clicks>(),
                                                  page_users<cascade_clicks>(),
                                                  page_users<dcm_clicks>(),
                                                  page_users<dbn_clicks>(),
                                                  page_users<sdbn_clicks>(),
                                                  page_users<ubm_clicks>(),
                                                  page_users<ccm_clicks>(),
                                                  page_users<tcm_clicks>(),
                                                  page_users<trust_bias_clicks>(),
                                                  page_users<carousel_page_clicks>(),
                                                  page_users<carousel_click_clicks>(),
                                                  page_users<grid_pbm_clicks>(),
                                                  recsim_interest_evolution_users(),
                                                  recsim_interest_exploration_users(),
                                                  recsim_long_term_satisfaction_users(),
                                                  recogym_users(),
                                                  recogym_v0_users(),
                                                  deezer_carousels_users(),
                                                  kuaisim_users(),
                                                  media_video_users(),
                                                  media_homepage_users(),
                                                  media_radio_users(),
                                              });
  return table;
}

}  // namespace rehearsal
