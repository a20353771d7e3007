#include "sim/log/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "sim/core/error.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

/// A write beyond the file size limit raises SIGXFSZ, which kills the process; held back, the call
/// answers EFBIG instead.
class HoldSizeSignal {
 public:
  HoldSizeSignal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGXFSZ);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~HoldSizeSignal() {
    const timespec now{0, 0};
    while (sigtimedwait(&set_, nullptr, &now) == SIGXFSZ) {
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  HoldSizeSignal(const HoldSizeSignal&) = delete;
  HoldSizeSignal& operator=(const HoldSizeSignal&) = delete;

 private:
  sigset_t set_;
  sigset_t before_;
};

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return value_; }
  /// Closes and says whether that went well: some file systems report a full disk only here.
  bool close() {
    const int value = value_;
    value_ = -1;
    return ::close(value) == 0;
  }

 private:
  int value_;
};

/// Removes a temporary file unless it was renamed.
class PartFile {
 public:
  explicit PartFile(std::filesystem::path path) : path_(std::move(path)) {}
  ~PartFile() {
    if (!renamed_) ::unlink(path_.c_str());
  }
  PartFile(const PartFile&) = delete;
  PartFile& operator=(const PartFile&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void renamed() { renamed_ = true; }

 private:
  std::filesystem::path path_;
  bool renamed_ = false;
};

[[noreturn]] void write_failed(const std::filesystem::path& file, int error) {
  throw Error(ErrorKind::kRuntime,
              fmt::format("{}: cannot write: {}", file.string(), std::strerror(error)));
}

void write_all(const std::filesystem::path& file, int descriptor, std::span<const char> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) write_failed(file, written < 0 ? errno : EIO);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

}  // namespace

void sync_folder(const std::filesystem::path& folder) {
  const std::filesystem::path named = folder.empty() ? "." : folder;
  const Descriptor directory(::open(named.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot sync a folder and say EINVAL: there is nothing more to do there.
  if (directory.get() < 0 || (::fsync(directory.get()) != 0 && errno != EINVAL))
    write_failed(named, errno);
}

void write_bytes_atomically(const std::filesystem::path& file, std::span<const char> bytes) {
  const HoldSizeSignal hold;
  PartFile part(file.string() + kPartSuffix);
  Descriptor out(::open(part.path().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (out.get() < 0) write_failed(file, errno);
  write_all(file, out.get(), bytes);
  if (::fsync(out.get()) != 0) write_failed(file, errno);
  if (!out.close()) write_failed(file, errno);
  if (::rename(part.path().c_str(), file.c_str()) != 0) write_failed(file, errno);
  part.renamed();
  sync_folder(file.parent_path());
}

void write_text_atomically(const std::filesystem::path& file, const std::string& text) {
  write_bytes_atomically(file, text);
}

std::string read_text(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    throw Error(ErrorKind::kInput, file.string() + ": is a folder, expected a file");
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (in && in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  if (!in.is_open() || in.bad() || !text)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: cannot read: {}", file.string(), std::strerror(errno)));
  return text.str();
}

std::string checksum_of(std::span<const char> bytes) {
  const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size());
  return fmt::format("{:08x}", crc);
}

void verify_file(const std::filesystem::path& file, std::uint64_t bytes,
                 const std::string& checksum) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in.get() < 0)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: cannot read: {}", file.string(), std::strerror(errno)));
  std::vector<char> block(std::size_t{1} << 18);
  uLong crc = 0;
  std::uint64_t seen = 0;
  for (;;) {
    const ssize_t got = ::read(in.get(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0)
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: cannot read: {}", file.string(), std::strerror(errno)));
    if (got == 0) break;
    crc = crc32_z(crc, reinterpret_cast<const Bytef*>(block.data()), static_cast<z_size_t>(got));
    seen += static_cast<std::uint64_t>(got);
  }
  if (seen != bytes)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: is {}: {} bytes, the manifest says {}", file.string(),
                            seen < bytes ? "cut" : "grown", seen, bytes));
  const std::string found = fmt::format("{:08x}", crc);
  if (found != checksum)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: is damaged: its checksum is {}, the manifest says {}",
                            file.string(), found, checksum));
}

}  // namespace rehearsal
