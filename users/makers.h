#pragma once

#include "sim/user_model.h"
#include "users/click_model.h"

namespace rehearsal {

/// The lines of users.cc, one a file.
UserModelEntry item_page_users();
UserModelEntry recsim_interest_evolution_users();
UserModelEntry recsim_interest_exploration_users();
UserModelEntry recsim_long_term_satisfaction_users();

}  // namespace rehearsal
