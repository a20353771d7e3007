#pragma once

#include "sim/user_model.h"

namespace rehearsal {

/// Every user behaviour model, one line each.
const Registry<UserModelEntry>& user_models();

}  // namespace rehearsal
