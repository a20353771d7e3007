#pragma once

#include <filesystem>
#include <map>
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
  /// Of inputs that hold some of the file's rows only: the first one. 0 where absent.
  std::map<std::string, std::size_t> first_row{};

  /// "FILE:GROUP/inputs/DATASET", for messages.
  std::string where(const std::string& dataset) const;
};

/// The top groups of a file, ascending.
/// Raises: Error(kInput) for a file that is missing, damaged, not HDF5, or has no group.
std::vector<std::string> group_names(const std::filesystem::path& file);

/// One group. Datasets outside its "inputs" are not read.
/// Raises: Error(kInput) for a group without inputs, and inputs that are not numbers.
ArrayGroup load_group(const std::filesystem::path& file, const std::string& group);
/// Its inputs' shapes without their values. Raises: as load_group.
ArrayGroup open_group(const std::filesystem::path& file, const std::string& group);
/// Rounds [first, first + n) of those inputs of an open group that are named, all of the others.
/// Args: by_row: name to rows a round, each with at least first + n rounds.
ArrayGroup load_rows(const ArrayGroup& open, const std::map<std::string, std::size_t>& by_row,
                     std::size_t first, std::size_t n);

/// The shape of one dataset of any HDF5 file, and some of its rows.
/// Args: reference: "FILE.h5:DATASET". Raises: as load_dataset.
std::vector<std::size_t> dataset_shape(const std::string& reference);
std::vector<double> load_dataset_rows(const std::string& reference, std::size_t first,
                                      std::size_t n);

}  // namespace rehearsal
