#include "sim/core/arrays.h"

#include <fmt/format.h>

#include "sim/core/error.h"
#include "sim/log/array_file.h"
#include "sim/log/files.h"
#include "sim/log/hdf5_file.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

/// Asked before reading: HDF5 would convert some other types without a word.
void require_numbers(const hdf5::File& file, const std::string& path) {
  if (!file.is_number(path))
    throw Error(ErrorKind::kInput,
                fmt::format("{}:{}: is not an array of numbers", file.name(), path));
}

Array read_array(const hdf5::File& file, const std::string& path) {
  require_numbers(file, path);
  hdf5::Shape shape;
  Array array;
  array.values = file.read<double>(path, &shape);
  array.shape.assign(shape.begin(), shape.end());
  return array;
}

struct Reference {
  std::string file;
  std::string dataset;  // its path, from '/' on
};

Reference parse(const std::string& reference) {
  const std::size_t colon = reference.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == reference.size())
    throw Error(ErrorKind::kInput, fmt::format("'{}': expected FILE.h5:DATASET", reference));
  std::string dataset = reference.substr(colon + 1);
  if (dataset[0] != '/') dataset = "/" + dataset;
  return {reference.substr(0, colon), dataset};
}

}  // namespace

void save_arrays(const std::filesystem::path& file, const Arrays& arrays) {
  std::vector<char> bytes;
  {
    const hdf5::Session session;
    hdf5::Image image(file.string());
    for (const auto& [name, array] : arrays) {
      std::size_t n = 1;
      for (const std::size_t d : array.shape) n *= d;
      REHEARSAL_CHECK(n == array.values.size());
      image.dataset("/" + name, array.values, hdf5::Shape(array.shape.begin(), array.shape.end()));
    }
    bytes = image.finish();
  }
  write_bytes_atomically(file, bytes);
}

Arrays load_arrays(const std::filesystem::path& file) {
  const hdf5::Session session;
  const hdf5::File in(file);
  Arrays arrays;
  for (const std::string& name : in.datasets()) arrays[name] = read_array(in, "/" + name);
  return arrays;
}

Array load_dataset(const std::string& reference) {
  const Reference at = parse(reference);
  const hdf5::Session session;
  return read_array(hdf5::File(at.file), at.dataset);
}

std::vector<std::size_t> dataset_shape(const std::string& reference) {
  const Reference at = parse(reference);
  const hdf5::Session session;
  const hdf5::File file(at.file);
  require_numbers(file, at.dataset);
  const hdf5::Shape shape = file.shape(at.dataset);
  return {shape.begin(), shape.end()};
}

std::vector<double> load_dataset_rows(const std::string& reference, std::size_t first,
                                      std::size_t n) {
  const Reference at = parse(reference);
  const hdf5::Session session;
  return hdf5::File(at.file).read_rows(at.dataset, first, n);
}

}  // namespace rehearsal
