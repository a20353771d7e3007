#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "sim/core/error.h"
#include "sim/log/hdf5_file.h"

namespace rehearsal::hdf5 {

namespace {

constexpr hsize_t kChunkElements = 65536;

Handle creation_list() {
  Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(list.get(), false);
  return list;
}

/// UTF-8, `size` bytes, padded with zeros.
Handle text_type(std::size_t size) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), std::max<std::size_t>(size, 1));
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

// The core driver keeps the file in a vector of ours: without holes of old memory, and at hand
// after the close (H5Fget_file_image of 1.10 leaves a superblock whose checksum is wrong).
void* allocate(std::size_t size, H5FD_file_image_op_t, void* bytes) {
  auto& memory = *static_cast<std::vector<char>*>(bytes);
  memory.resize(size);
  return memory.data();
}
void* reallocate(void*, std::size_t size, H5FD_file_image_op_t op, void* bytes) {
  return allocate(size, op, bytes);
}
void* copy(void* to, const void* from, std::size_t size, H5FD_file_image_op_t, void*) {
  return std::memcpy(to, from, size);
}
herr_t release(void*, H5FD_file_image_op_t, void*) { return 0; }
void* share(void* bytes) { return bytes; }
herr_t unshare(void*) { return 0; }

}  // namespace

Image::Image(std::string name, int deflate)
    : name_(std::move(name)), deflate_(deflate), bytes_(std::make_unique<std::vector<char>>()) {
  const Handle access = access_list();
  constexpr std::size_t kGrowth = std::size_t{16} << 20;
  H5FD_file_image_callbacks_t memory{allocate, copy,    reallocate,  release,
                                     share,    unshare, bytes_.get()};
  check(H5Pset_fapl_core(access.get(), kGrowth, false) >= 0 &&
            H5Pset_file_image_callbacks(access.get(), &memory) >= 0,
        "prepare");
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  file_ = {H5Fcreate(name_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose};
  check(file_.valid(), "create");
}

void Image::check(bool ok, const std::string& what) const {
  if (!ok)
    throw Error(ErrorKind::kRuntime,
                fmt::format("{}: cannot {}: HDF5: {}", name_, what, last_error()));
}

void Image::group(const std::string& path) {
  if (path.empty() || !groups_.insert(path).second) return;
  group(path.substr(0, path.rfind('/')));
  const Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation.get(), false);
  const Handle group(
      H5Gcreate2(file_.get(), path.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT), H5Gclose);
  check(group.valid(), "create group " + path);
}

Handle Image::create(const std::string& path, hid_t type, const Handle& space,
                     const Handle& creation) {
  // Not by H5Pset_create_intermediate_group: groups made on the way carry the time.
  group(path.substr(0, path.rfind('/')));
  Handle dataset(H5Dcreate2(file_.get(), path.c_str(), type, space.get(), H5P_DEFAULT,
                            creation.get(), H5P_DEFAULT),
                 H5Dclose);
  check(dataset.valid(), "create dataset " + path);
  return dataset;
}

void Image::dataset(const std::string& path, Number number, const void* data, const Shape& shape) {
  const bool empty = std::count(shape.begin(), shape.end(), hsize_t{0}) > 0;
  const Handle creation = creation_list();
  if (!shape.empty() && !empty) {
    hsize_t row = 1;
    for (std::size_t d = 1; d < shape.size(); ++d) row *= shape[d];
    Shape chunk = shape;
    chunk[0] = std::clamp<hsize_t>(kChunkElements / row, 1, shape[0]);
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    if (deflate_ > 0) {
      H5Pset_shuffle(creation.get());
      H5Pset_deflate(creation.get(), static_cast<unsigned>(deflate_));
    }
    H5Pset_fletcher32(creation.get());
  }
  const Handle made = create(path, file_type(number), space_of(shape), creation);
  if (empty) return;
  check(H5Dwrite(made.get(), memory_type(number), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0,
        "write dataset " + path);
}

void Image::texts(const std::string& path, const std::vector<std::string>& texts) {
  std::size_t size = 1;
  for (const std::string& text : texts) size = std::max(size, text.size());
  std::vector<char> bytes(size * texts.size(), '\0');
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::copy(texts[i].begin(), texts[i].end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(i * size));
  const Handle type = text_type(size);
  const Handle made = create(path, type.get(), space_of({texts.size()}), creation_list());
  if (texts.empty()) return;
  check(H5Dwrite(made.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0,
        "write dataset " + path);
}

void Image::virtual_dataset(const std::string& path, Number number,
                            const std::vector<Part>& parts) {
  Shape shape = parts.front().shape;
  shape[0] = 0;
  for (const Part& part : parts) shape[0] += part.shape[0];
  const Handle space = space_of(shape);
  const Handle creation = creation_list();
  Shape start(shape.size(), 0);
  for (const Part& part : parts) {
    const Handle source = space_of(part.shape);
    H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, part.shape.data(),
                        nullptr);
    check(H5Pset_virtual(creation.get(), space.get(), part.file.c_str(), path.c_str(),
                         source.get()) >= 0,
          "map dataset " + path);
    start[0] += part.shape[0];
  }
  H5Sselect_all(space.get());
  create(path, file_type(number), space, creation);
}

void Image::attribute(const std::string& object, const std::string& name, const std::string& text) {
  const Handle type = text_type(text.size());
  const std::string padded = text.empty() ? std::string(1, '\0') : text;
  const Handle made(H5Acreate_by_name(file_.get(), object.c_str(), name.c_str(), type.get(),
                                      space_of({}).get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                    H5Aclose);
  check(made.valid() && H5Awrite(made.get(), type.get(), padded.data()) >= 0,
        "write attribute " + name);
}

void Image::attribute(const std::string& object, const std::string& name, std::uint64_t value) {
  const Handle made(
      H5Acreate_by_name(file_.get(), object.c_str(), name.c_str(), file_type(Number::kU64),
                        space_of({}).get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  check(made.valid() && H5Awrite(made.get(), memory_type(Number::kU64), &value) >= 0,
        "write attribute " + name);
}

std::vector<char> Image::finish() {
  const hid_t file = std::exchange(file_, Handle()).release();
  check(H5Fclose(file) >= 0, "finish");
  // The end of the file stands at byte 28 of superblock version 3, little endian.
  constexpr std::size_t kEndOfFile = 28;
  std::uint64_t size = 0;
  for (std::size_t b = 0; b < 8; ++b)
    size |= std::uint64_t{static_cast<unsigned char>((*bytes_)[kEndOfFile + b])} << (8 * b);
  REHEARSAL_CHECK(size > 0 && size <= bytes_->size());
  bytes_->resize(static_cast<std::size_t>(size));
  return std::move(*bytes_);
}

}  // namespace rehearsal::hdf5
