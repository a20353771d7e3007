#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sim/core/arrays.h"

namespace rehearsal {

/// A group of an HDF5 file with arrays below its subgroup "inputs": one case to be scored.
struct ArrayGroup {
  std::string file;
  std::string name;
  std::string kind;  // its text attribute "kind", "" without one
  Arrays inputs;     // by the name below "inputs/", integers exact up to 2^53

  /// "FILE:GROUP/inputs/DATASET", for messages.
  std::string where(const std::string& dataset) const;
};

/// The top groups of a file, ascending.
/// Raises: Error(kInput) for a file that is missing, damaged, not HDF5, or has no group.
std::vector<std::string> group_names(const std::filesystem::path& file);

/// One group. Datasets outside its "inputs" are not read.
/// Raises: Error(kInput) for a group without inputs, and inputs that are not numbers.
ArrayGroup load_group(const std::filesystem::path& file, const std::string& group);

}  // namespace rehearsal
