#pragma once

// Files as the log needs them: whole or not there. Used by sim/log/ only.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace rehearsal {

/// What a temporary file's name ends with; no reader takes one for a whole file.
inline constexpr const char* kPartSuffix = ".part";

/// Writes under a temporary name, syncs, renames and syncs the folder.
/// Raises: Error(kRuntime) naming the file and the cause (full disk, file too large ...); nothing
/// is left behind then.
void write_bytes_atomically(const std::filesystem::path& file, std::span<const char> bytes);

/// Syncs a folder, so that renames in it survive a crash. Raises: Error(kRuntime).
void sync_folder(const std::filesystem::path& folder);

/// CRC-32 as eight hexadecimal digits.
std::string checksum_of(std::span<const char> bytes);

/// Compares a file with what the manifest says of it, without interpreting a byte of it.
/// Raises: Error(kInput) naming the file when it is missing, cut, grown or changed.
void verify_file(const std::filesystem::path& file, std::uint64_t bytes,
                 const std::string& checksum);

}  // namespace rehearsal
