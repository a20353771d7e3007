#pragma once

#include "sim/user_model.h"
#include "users/click_model.h"

namespace rehearsal {

/// The lines of users.cc, one a file.
UserModelEntry item_page_users();
UserModelEntry recogym_users();
UserModelEntry recogym_v0_users();
UserModelEntry deezer_carousels_users();
UserModelEntry kuaisim_users();
UserModelEntry media_video_users();
UserModelEntry media_homepage_users();
UserModelEntry media_radio_users();
UserModelEntry recsim_interest_evolution_users();
UserModelEntry recsim_interest_exploration_users();
UserModelEntry recsim_long_term_satisfaction_users();

/// The lines of click_models.cc, one a file.
ClickModelEntry carousel_click_clicks();
ClickModelEntry carousel_page_clicks();
ClickModelEntry grid_pbm_clicks();

/// The lines of click_models.cc, one a file.
ClickModelEntry pbm_clicks();
ClickModelEntry cascade_clicks();
ClickModelEntry dcm_clicks();
ClickModelEntry dbn_clicks();
ClickModelEntry sdbn_clicks();
ClickModelEntry ubm_clicks();
ClickModelEntry ccm_clicks();
ClickModelEntry tcm_clicks();
ClickModelEntry trust_bias_clicks();

}  // namespace rehearsal
