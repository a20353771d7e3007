#include "sim/log/hdf5_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/core/error.h"

namespace rehearsal::hdf5 {

namespace {

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

herr_t keep_innermost(unsigned, const H5E_error2_t* error, void* text) {
  if (error->desc != nullptr && *error->desc != '\0')
    *static_cast<std::string*>(text) = error->desc;
  return 0;
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 40;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kMost) text += fmt::format(" and {} more", names.size() - kMost);
  return text.empty() ? "none" : text;
}

/// Truth values as h5py writes them: an enumeration of FALSE = 0 and TRUE = 1.
bool is_boolean(const Handle& type) {
  if (H5Tget_class(type.get()) != H5T_ENUM || H5Tget_nmembers(type.get()) != 2) return false;
  const Handle base(H5Tget_super(type.get()), H5Tclose);
  std::int8_t no = -1, yes = -1;
  return H5Tequal(base.get(), H5T_NATIVE_INT8) > 0 &&
         H5Tenum_valueof(type.get(), "FALSE", &no) >= 0 &&
         H5Tenum_valueof(type.get(), "TRUE", &yes) >= 0 && no == 0 && yes == 1;
}

}  // namespace

Session::Session() : lock_(library_mutex()) {
  H5Eget_auto2(H5E_DEFAULT, &print_, &print_data_);
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Session::~Session() { H5Eset_auto2(H5E_DEFAULT, print_, print_data_); }

hid_t memory_type(Number number) {
  switch (number) {
    case Number::kU8:
      return H5T_NATIVE_UINT8;
    case Number::kU16:
      return H5T_NATIVE_UINT16;
    case Number::kU32:
      return H5T_NATIVE_UINT32;
    case Number::kU64:
      return H5T_NATIVE_UINT64;
    case Number::kF32:
      return H5T_NATIVE_FLOAT;
    case Number::kF64:
      return H5T_NATIVE_DOUBLE;
  }
  return H5I_INVALID_HID;
}

hid_t file_type(Number number) {
  switch (number) {
    case Number::kU8:
      return H5T_STD_U8LE;
    case Number::kU16:
      return H5T_STD_U16LE;
    case Number::kU32:
      return H5T_STD_U32LE;
    case Number::kU64:
      return H5T_STD_U64LE;
    case Number::kF32:
      return H5T_IEEE_F32LE;
    case Number::kF64:
      return H5T_IEEE_F64LE;
  }
  return H5I_INVALID_HID;
}

const char* name_of(Number number) {
  switch (number) {
    case Number::kU8:
      return "uint8";
    case Number::kU16:
      return "uint16";
    case Number::kU32:
      return "uint32";
    case Number::kU64:
      return "uint64";
    case Number::kF32:
      return "float32";
    case Number::kF64:
      return "float64";
  }
  return "";
}

std::string last_error() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, keep_innermost, &text);
  H5Eclear2(H5E_DEFAULT);
  return text;
}

Handle space_of(const Shape& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  return {H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose};
}

Handle access_list() {
  Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(list.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);
  H5Pset_fclose_degree(list.get(), H5F_CLOSE_STRONG);
  return list;
}

File::File(const std::filesystem::path& path) : name_(path.string()) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    throw Error(ErrorKind::kInput, name_ + ": no such file");
  const Handle access = access_list();
  file_ = {H5Fopen(name_.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose};
  check(file_.valid(), "open as HDF5");
}

void File::check(bool ok, const std::string& what) const {
  if (!ok)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: cannot {}: HDF5: {}", name_, what, last_error()));
}

std::vector<std::string> File::datasets() const {
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* found) -> herr_t {
    if (info->type == H5O_TYPE_DATASET)
      static_cast<std::vector<std::string>*>(found)->push_back(name);
    return 0;
  };
  check(H5Ovisit2(file_.get(), H5_INDEX_NAME, H5_ITER_INC, visit, &names, H5O_INFO_BASIC) >= 0,
        "list datasets");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> File::groups() const {
  std::vector<std::string> names;
  const auto visit = [](hid_t, const char* name, const H5O_info_t* info, void* found) -> herr_t {
    const std::string path = name;
    if (info->type == H5O_TYPE_GROUP && path != "." && path.find('/') == std::string::npos)
      static_cast<std::vector<std::string>*>(found)->push_back(path);
    return 0;
  };
  check(H5Ovisit2(file_.get(), H5_INDEX_NAME, H5_ITER_INC, visit, &names, H5O_INFO_BASIC) >= 0,
        "list groups");
  std::sort(names.begin(), names.end());
  return names;
}

bool File::has(const std::string& path) const {
  // H5Lexists needs every group on the way to exist: ask step by step.
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string step = path.substr(0, end);
    if (step.empty() || H5Lexists(file_.get(), step.c_str(), H5P_DEFAULT) <= 0) break;
    if (end == std::string::npos) {
      const Handle object(H5Oopen(file_.get(), path.c_str(), H5P_DEFAULT), H5Oclose);
      return object.valid() && H5Iget_type(object.get()) == H5I_DATASET;
    }
  }
  H5Eclear2(H5E_DEFAULT);
  return false;
}

Handle File::open(const std::string& path) const {
  if (!has(path))
    throw Error(ErrorKind::kInput, fmt::format("{}:{}: no such dataset; there are: {}", name_, path,
                                               list_of(datasets())));
  Handle dataset(H5Dopen2(file_.get(), path.c_str(), H5P_DEFAULT), H5Dclose);
  check(dataset.valid(), "open dataset " + path);
  return dataset;
}

Shape File::shape_of(const Handle& dataset, const std::string& path) const {
  const Handle space(H5Dget_space(dataset.get()), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  check(rank >= 0, "read the shape of dataset " + path);
  Shape shape(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), shape.data(), nullptr);
  return shape;
}

Shape File::shape(const std::string& path) const { return shape_of(open(path), path); }

bool File::is_number(const std::string& path) const {
  const Handle dataset = open(path);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type.get());
  return kind == H5T_INTEGER || kind == H5T_FLOAT || is_boolean(type);
}

void File::read_into(const Handle& dataset, const std::string& path, Number number, void* values,
                     std::size_t n) const {
  if (n == 0) return;
  check(H5Dread(dataset.get(), memory_type(number), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0,
        "read dataset " + path);
}

std::vector<double> File::read_rows(const std::string& path, std::size_t first,
                                    std::size_t n) const {
  const Handle dataset = open(path);
  Shape count = shape_of(dataset, path), start(count.size(), 0);
  REHEARSAL_CHECK(!count.empty() && first + n <= count[0]);
  start[0] = first;
  count[0] = n;
  const Handle file(H5Dget_space(dataset.get()), H5Sclose), memory = space_of(count);
  std::size_t size = 1;
  for (const hsize_t d : count) size *= static_cast<std::size_t>(d);
  std::vector<double> values(size);
  if (size == 0) return values;
  check(H5Sselect_hyperslab(file.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(),
                            nullptr) >= 0 &&
            H5Dread(dataset.get(), memory_type(Number::kF64), memory.get(), file.get(), H5P_DEFAULT,
                    values.data()) >= 0,
        "read dataset " + path);
  return values;
}

std::vector<std::string> File::texts(const std::string& path) const {
  const Handle dataset = open(path);
  const Shape shape = shape_of(dataset, path);
  const Handle type(H5Dget_type(dataset.get()), H5Tclose);
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) != 0 ||
      shape.size() != 1)
    throw Error(ErrorKind::kInput,
                fmt::format("{}:{}: expected a list of fixed-length texts", name_, path));
  const std::size_t size = H5Tget_size(type.get());
  std::vector<char> bytes(size * shape[0]);
  std::vector<std::string> texts(shape[0]);
  if (texts.empty()) return texts;
  check(H5Dread(dataset.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0,
        "read dataset " + path);
  for (std::size_t i = 0; i < texts.size(); ++i)
    texts[i] = std::string(bytes.data() + i * size, strnlen(bytes.data() + i * size, size));
  return texts;
}

std::uint64_t File::attribute(const std::string& object, const std::string& name) const {
  const Handle found(
      H5Aopen_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  std::uint64_t value = 0;
  check(found.valid() && H5Aread(found.get(), memory_type(Number::kU64), &value) >= 0,
        "read attribute " + name);
  return value;
}

std::string File::text_attribute(const std::string& object, const std::string& name) const {
  if (H5Aexists_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT) <= 0) return "";
  const Handle found(
      H5Aopen_by_name(file_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  const Handle type(H5Aget_type(found.get()), H5Tclose);
  const Handle space(H5Aget_space(found.get()), H5Sclose);
  check(found.valid() && type.valid() && H5Tget_class(type.get()) == H5T_STRING &&
            H5Sget_simple_extent_npoints(space.get()) == 1,
        "read attribute " + name + ": expected one text");
  if (H5Tis_variable_str(type.get()) > 0) {
    char* text = nullptr;
    check(H5Aread(found.get(), type.get(), &text) >= 0, "read attribute " + name);
    const std::string out = text == nullptr ? "" : text;
    H5free_memory(text);
    return out;
  }
  std::vector<char> bytes(H5Tget_size(type.get()) + 1, '\0');
  check(H5Aread(found.get(), type.get(), bytes.data()) >= 0, "read attribute " + name);
  return bytes.data();
}

}  // namespace rehearsal::hdf5
