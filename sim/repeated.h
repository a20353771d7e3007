#pragma once

#include "sim/batch.h"

namespace rehearsal {

/// Round i, n times over, its latents too: for what asks how one request would fare on many pages.
RequestBatch repeated(const RequestBatch& requests, std::size_t i, std::size_t n);

}  // namespace rehearsal
