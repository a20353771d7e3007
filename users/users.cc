#include "users/users.h"

namespace rehearsal {

const Registry<UserModelEntry>& user_models() {
  static const Registry<UserModelEntry> table("user model", {});
  return table;
}

}  // namespace rehearsal
