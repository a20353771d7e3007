#pragma once

// manifest.json and catalogue.h5. Used by sim/log/*.cc only.

#include <filesystem>
#include <vector>

#include "sim/log/log.h"

namespace rehearsal::log_format {

/// A log's manifest as a file: `catalogue` names catalogue.h5 with its size and checksum.
struct Manifest {
  LogInfo info;
  ShardInfo catalogue;
};

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);
/// Raises: Error(kInput) naming the file and the key.
Manifest read_manifest(const std::filesystem::path& folder);

/// catalogue.h5: the schema. Returns: its file, bytes and checksum.
ShardInfo write_catalogue(const std::filesystem::path& file, const Schema& schema,
                          const LogInfo& info);
/// Raises: Error(kInput) for a missing or damaged file.
Schema read_catalogue(const std::filesystem::path& file);
/// The same of a log's catalogue. Raises: Error(kInput) for a missing, cut or changed file.
Schema read_catalogue(const std::filesystem::path& folder, const ShardInfo& expected);

}  // namespace rehearsal::log_format
