#include "sim/log/array_file.h"

#include <fmt/format.h>

#include "sim/core/error.h"
#include "sim/log/hdf5_file.h"

namespace rehearsal {

std::string ArrayGroup::where(const std::string& dataset) const {
  return fmt::format("{}:{}/inputs/{}", file, name, dataset);
}

std::vector<std::string> group_names(const std::filesystem::path& path) {
  const hdf5::Session session;
  const hdf5::File file(path);
  std::vector<std::string> groups = file.groups();
  if (groups.empty())
    throw Error(ErrorKind::kInput,
                file.name() + ": has no groups; expected one a case, each with arrays in inputs/");
  return groups;
}

ArrayGroup open_group(const std::filesystem::path& path, const std::string& group) {
  const hdf5::Session session;
  const hdf5::File file(path);
  ArrayGroup out{file.name(), group, file.text_attribute("/" + group, "kind"), {}};
  const std::string prefix = group + "/inputs/";
  for (const std::string& dataset : file.datasets()) {
    if (dataset.rfind(prefix, 0) != 0) continue;
    const std::string name = dataset.substr(prefix.size());
    // Asked before reading: HDF5 would convert some other types without a word.
    if (!file.is_number("/" + dataset))
      throw Error(ErrorKind::kInput, out.where(name) + ": is not an array of numbers");
    const hdf5::Shape shape = file.shape("/" + dataset);
    out.inputs[name].shape.assign(shape.begin(), shape.end());
  }
  if (out.inputs.empty())
    throw Error(ErrorKind::kInput,
                fmt::format("{}:{}: has no datasets in inputs/", out.file, group));
  return out;
}

ArrayGroup load_rows(const ArrayGroup& open, const std::map<std::string, std::size_t>& by_row,
                     std::size_t first, std::size_t n) {
  const hdf5::Session session;
  const hdf5::File file(open.file);
  ArrayGroup out = open;
  for (auto& [name, array] : out.inputs) {
    const std::string path = "/" + open.name + "/inputs/" + name;
    const auto found = by_row.find(name);
    if (found == by_row.end()) {
      array.values = file.read<double>(path);
      continue;
    }
    const std::size_t rows = found->second;
    array.values = file.read_rows(path, first * rows, n * rows);
    array.shape[0] = n * rows;
    out.first_row[name] = first * rows;
  }
  return out;
}

ArrayGroup load_group(const std::filesystem::path& path, const std::string& group) {
  return load_rows(open_group(path, group), {}, 0, 0);
}

}  // namespace rehearsal
