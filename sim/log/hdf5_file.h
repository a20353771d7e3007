#pragma once

// HDF5 behind a few calls, for sim/log/*.cc only. Every failed call becomes a rehearsal::Error
// that names the file.

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace rehearsal::hdf5 {

/// The library is serial: one thread at a time, and its own error printing is off meanwhile.
/// Every function and object below needs a Session that outlives it.
class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  std::unique_lock<std::mutex> lock_;
  H5E_auto2_t print_ = nullptr;
  void* print_data_ = nullptr;
};

/// Owns an identifier.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Handle() = default;
  Handle(hid_t id, Close close) : id_(id), close_(close) {}
  ~Handle() { reset(); }
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      id_ = std::exchange(other.id_, H5I_INVALID_HID);
      close_ = other.close_;
    }
    return *this;
  }
  hid_t get() const { return id_; }
  bool valid() const { return id_ >= 0; }
  /// Gives the identifier away.
  hid_t release() { return std::exchange(id_, H5I_INVALID_HID); }
  void reset() {
    if (id_ >= 0) close_(id_);
    id_ = H5I_INVALID_HID;
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// Number types of the columns, in memory and (little endian) in the file.
enum class Number { kU8, kU16, kU32, kU64, kF32, kF64 };
hid_t memory_type(Number number);
hid_t file_type(Number number);
const char* name_of(Number number);  // "uint8" ... "float64"

template <class T>
constexpr Number number_of();
template <>
constexpr Number number_of<std::uint8_t>() {
  return Number::kU8;
}
template <>
constexpr Number number_of<std::uint16_t>() {
  return Number::kU16;
}
template <>
constexpr Number number_of<std::uint32_t>() {
  return Number::kU32;
}
template <>
constexpr Number number_of<std::uint64_t>() {
  return Number::kU64;
}
template <>
constexpr Number number_of<float>() {
  return Number::kF32;
}
template <>
constexpr Number number_of<double>() {
  return Number::kF64;
}

using Shape = std::vector<hsize_t>;

/// What the library says of the last failure, from its innermost frame.
std::string last_error();
/// A scalar where the shape is empty.
Handle space_of(const Shape& shape);
/// How every file here is opened.
Handle access_list();

/// Rows of one shard's dataset inside a virtual one.
struct Part {
  std::string file;
  Shape shape;
};

/// A new file, built in memory: bytes are a pure function of the calls (no times, no addresses),
/// and a full disk meets a plain write, not the library in the middle of its own.
class Image {
 public:
  /// Args: name: the file's, for messages.  deflate: 0 (off) to 9.
  explicit Image(std::string name, int deflate = 0);

  /// A group and those above it, once. Paths start with '/'.
  void group(const std::string& path);
  /// Chunked and checksummed (fletcher32) unless it is empty or a scalar.
  void dataset(const std::string& path, Number number, const void* data, const Shape& shape);
  template <class T>
  void dataset(const std::string& path, const std::vector<T>& data, const Shape& shape) {
    dataset(path, number_of<T>(), data.data(), shape);
  }
  /// Fixed-length UTF-8 texts, (n).
  void texts(const std::string& path, const std::vector<std::string>& texts);
  /// The parts' datasets of the same path, one after another.
  void virtual_dataset(const std::string& path, Number number, const std::vector<Part>& parts);
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, std::uint64_t value);
  /// The file's bytes. Call once, last.
  std::vector<char> finish();

 private:
  Handle create(const std::string& path, hid_t type, const Handle& space, const Handle& creation);
  void check(bool ok, const std::string& what) const;

  std::string name_;
  int deflate_;
  std::set<std::string> groups_;
  std::unique_ptr<std::vector<char>> bytes_;  // the library writes here; outlives file_
  Handle file_;
};

/// An existing file, read-only.
class File {
 public:
  /// Raises: Error(kInput) for a missing file and for one that is not HDF5 or is damaged.
  explicit File(const std::filesystem::path& path);

  /// Paths of all datasets, ascending.
  std::vector<std::string> datasets() const;
  /// Names of the groups right below the root, ascending.
  std::vector<std::string> groups() const;
  bool has(const std::string& path) const;
  /// Raises: Error(kInput), with the datasets that are there, when it is missing.
  Shape shape(const std::string& path) const;
  bool is_number(const std::string& path) const;
  template <class T>
  std::vector<T> read(const std::string& path, Shape* shape = nullptr) const {
    const Handle dataset = open(path);
    const Shape found = shape_of(dataset, path);
    std::size_t n = 1;
    for (const hsize_t d : found) n *= static_cast<std::size_t>(d);
    std::vector<T> values(n);
    read_into(dataset, path, number_of<T>(), values.data(), n);
    if (shape != nullptr) *shape = found;
    return values;
  }
  /// Rows [first, first + n) of a dataset that has so many.
  std::vector<double> read_rows(const std::string& path, std::size_t first, std::size_t n) const;
  std::vector<std::string> texts(const std::string& path) const;
  std::uint64_t attribute(const std::string& object, const std::string& name) const;
  /// A text, of fixed or variable length; "" where there is no such attribute.
  std::string text_attribute(const std::string& object, const std::string& name) const;

  const std::string& name() const { return name_; }

 private:
  Handle open(const std::string& path) const;
  Shape shape_of(const Handle& dataset, const std::string& path) const;
  void read_into(const Handle& dataset, const std::string& path, Number number, void* values,
                 std::size_t n) const;
  void check(bool ok, const std::string& what) const;

  std::string name_;
  Handle file_;
};

}  // namespace rehearsal::hdf5
