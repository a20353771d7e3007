#pragma once

#include "sim/user_model.h"
#include "users/click_model.h"

namespace rehearsal {

/// The lines of users.cc, one a file.
UserModelEntry item_page_users();

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
