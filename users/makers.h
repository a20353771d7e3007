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

}  // namespace rehearsal
