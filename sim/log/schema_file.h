#pragma once

#include <filesystem>

#include "sim/schema.h"

namespace rehearsal {

/// A schema as a file of its own, laid out as a log's catalogue.h5 and written atomically.
/// Raises: Error(kRuntime) when it cannot be written.
void save_schema(const std::filesystem::path& file, const Schema& schema);
/// Raises: Error(kInput) for a missing or damaged file.
Schema load_schema(const std::filesystem::path& file);

}  // namespace rehearsal
