#pragma once

// Groups of reference arrays: "GROUP/inputs/NAME" and "GROUP/outputs/KEY" of an HDF5 file.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "sim/core/arrays.h"
#include "sim/log/log.h"
#include "tests/support/shared_files.h"

namespace rehearsal::testing {

/// Arrays of a file beside the repository; empty, with a warning, where it is absent.
inline Arrays golden_arrays(const std::string& path) {
  const std::string file = shared_file(path);
  return file.empty() ? Arrays{} : load_arrays(file);
}

/// Groups that have a dataset.
inline std::vector<std::string> groups_with(const Arrays& arrays, const std::string& dataset) {
  std::vector<std::string> groups;
  for (const auto& [name, array] : arrays) {
    const std::size_t slash = name.find('/');
    if (slash != std::string::npos && name.substr(slash + 1) == dataset)
      groups.push_back(name.substr(0, slash));
  }
  return groups;
}

/// Keys below "GROUP/outputs/".
inline std::set<std::string> output_keys(const Arrays& arrays, const std::string& group) {
  std::set<std::string> keys;
  const std::string prefix = group + "/outputs/";
  for (const auto& [name, array] : arrays)
    if (name.rfind(prefix, 0) == 0) keys.insert(name.substr(prefix.size()));
  return keys;
}

inline std::vector<std::uint32_t> whole_numbers(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

}  // namespace rehearsal::testing
