#include "users/users.h"

#include "users/makers.h"

namespace rehearsal {

const Registry<UserModelEntry>& user_models() {
  static const Registry<UserModelEntry> table("user model",
                                              {
                                                  item_page_users(),
                                                  recsim_interest_evolution_users(),
                                                  recsim_interest_exploration_users(),
                                                  recsim_long_term_satisfaction_users(),
                                                  recogym_users(),
                                                  recogym_v0_users(),
                                                  deezer_carousels_users(),
                                                  kuaisim_users(),
                                              });
  return table;
}

}  // namespace rehearsal
