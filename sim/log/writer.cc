#include <fmt/format.h>

#include <map>
#include <optional>

#include "sim/core/error.h"
#include "sim/log/columns.h"
#include "sim/log/files.h"
#include "sim/log/log.h"
#include "sim/log/manifest.h"
#include "sim/truth.h"

namespace rehearsal {

using namespace log_format;

/// A dataset as one shard holds it.
struct Extent {
  hdf5::Number number = hdf5::Number::kU8;
  hdf5::Shape shape;
};
using Extents = std::map<std::string, Extent>;

namespace {

Rows rows_of_batch(const LogBatch& batch) {
  return {batch.size(), batch.requests.module.size(), batch.requests.candidate.size(),
          batch.pages.module.size(), batch.pages.item.size()};
}

/// Room for what quadrature and sums of products leave above 1.
constexpr double kRounding = 1e-9;

void refuse_bad_propensities(const std::string& file, const LogBatch& batch) {
  if (batch.size() > 0 && batch.propensities.pscore.size() != batch.size())
    throw Error(ErrorKind::kInput,
                fmt::format("{}: a log needs the pscore of each of its {} rounds, {} are given",
                            file, batch.size(), batch.propensities.pscore.size()));
  Propensities::visit(batch.propensities, [&](const std::string& name, Level, std::size_t,
                                              const auto& column, const char*) {
    using T = typename std::remove_cvref_t<decltype(column)>::value_type;
    if constexpr (std::is_same_v<T, double>) {
      for (std::size_t i = 0; i < column.size(); ++i)
        if (!(column[i] > 0 && column[i] <= 1 + kRounding))
          throw Error(ErrorKind::kInput,
                      fmt::format("{}: {}[{}] is {}: expected a probability in (0, 1]", file, name,
                                  i, column[i]));
    }
  });
}

void refuse_disorder(const std::string& file, std::uint32_t first_user, std::uint32_t n_users,
                     const RequestBatch& requests) {
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (requests.user[i] < first_user || requests.user[i] - first_user >= n_users)
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: round {} is of user {}, the shard holds users {} to {}", file, i,
                              requests.user[i], first_user, first_user + n_users));
    if (i == 0) continue;
    const auto key = [&](std::size_t r) {
      return std::tuple(requests.user[r], requests.session[r], requests.round[r]);
    };
    if (!(key(i - 1) < key(i)))
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: rounds {} and {} are not in the order of user, session, round",
                              file, i - 1, i));
  }
}

/// Writes columns and remembers what was written.
class ShardImage {
 public:
  ShardImage(hdf5::Image& image, const Rows& rows) : image_(image), rows_(rows) {}

  template <class Batch>
  void columns(const std::string& group, const Batch& batch) {
    Batch::visit(batch, [&](const std::string& name, Level level, std::size_t width,
                            const auto& column, const char* help) {
      if (column.empty()) return;
      const std::size_t n = rows_of(rows_, level);
      REHEARSAL_CHECK(column.size() == n * width);
      hdf5::Shape shape{n};
      if (is_matrix(name)) shape.push_back(width);
      put(group + "/" + name, number_of_column<decltype(column)>(), column.data(), shape, help);
    });
  }

  void count(const Count& count, const Offsets& offsets) {
    const std::size_t n = rows_of(rows_, count.parent);
    if (n == 0 || rows_of(rows_, count.child) == 0) return;
    REHEARSAL_CHECK(offsets.size() == n + 1 && offsets[n] == rows_of(rows_, count.child));
    std::vector<std::uint32_t> counts(n);
    for (std::size_t i = 0; i < n; ++i) counts[i] = offsets[i + 1] - offsets[i];
    const std::string path = kObserved + "/" + count.name;
    if (count.number == hdf5::Number::kU16) {
      const std::vector<std::uint16_t> narrow(counts.begin(), counts.end());
      put(path, count.number, narrow.data(), {n}, count.help);
    } else {
      put(path, count.number, counts.data(), {n}, count.help);
    }
  }

  Extents extents() && { return std::move(extents_); }

 private:
  void put(const std::string& path, hdf5::Number number, const void* data, const hdf5::Shape& shape,
           const char* help) {
    image_.dataset(path, number, data, shape);
    image_.attribute(path, "help", help);
    extents_[path] = {number, shape};
  }

  hdf5::Image& image_;
  const Rows& rows_;
  Extents extents_;
};

std::uint64_t impressions_of(const LogBatch& batch) {
  const auto& seen = batch.responses.impression;
  if (!seen.empty())
    return static_cast<std::uint64_t>(
        std::count_if(seen.begin(), seen.end(), [](std::uint8_t v) { return v != 0; }));
  return batch.pages.item.empty() ? batch.pages.module.size() : batch.pages.item.size();
}

/// What an interrupted writer may have left: shards without a manifest are not a log.
void remove_leftovers(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool part = entry.path().extension() == kPartSuffix;
    const bool shard = name.starts_with("shard_") && entry.path().extension() == ".h5";
    if (part || shard || name == kCatalogue || name == kVirtualLog)
      std::filesystem::remove(entry.path());
  }
}

}  // namespace

struct LogWriter::Impl {
  std::filesystem::path folder;
  Schema schema;
  LogInfo info;
  LogOptions options;
  std::mutex mutex;  // guards what stands below
  std::vector<std::optional<ShardInfo>> shards;
  std::vector<Extents> extents;
  std::uint64_t n_impressions = 0;

  std::vector<char> image(const std::string& file, const ShardInfo& shard, const LogBatch& batch,
                          const TruthBatch* truth, Extents* found) const;
  ShardInfo write_virtual_log() const;
};

LogWriter::LogWriter(const std::filesystem::path& folder, const Schema& schema, LogInfo info,
                     LogOptions options)
    : impl_(std::make_unique<Impl>()) {
  impl_->folder = folder;
  impl_->schema = schema;
  impl_->info = std::move(info);
  impl_->options = options;
  if (std::filesystem::exists(folder / kManifest))
    throw Error(ErrorKind::kInput,
                folder.string() + ": holds a log already; give another folder or remove it");
  try {
    std::filesystem::create_directory(folder);
    remove_leftovers(folder);
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(ErrorKind::kRuntime, fmt::format("{}: cannot create the folder: {}",
                                                 folder.string(), error.code().message()));
  }
}

LogWriter::~LogWriter() = default;

std::vector<char> LogWriter::Impl::image(const std::string& file, const ShardInfo& shard,
                                         const LogBatch& batch, const TruthBatch* truth,
                                         Extents* found) const {
  const Rows rows = rows_of_batch(batch);
  const hdf5::Session session;
  hdf5::Image image(file, options.deflate);
  write_attributes(image, info);
  image.attribute("/", "first_user", std::uint64_t{shard.first_user});
  image.attribute("/", "n_users", std::uint64_t{shard.n_users});
  image.attribute("/", "n_rounds", shard.n_rounds);
  image.group(kObserved);
  if (truth != nullptr) image.group(kTruth);
  ShardImage out(image, rows);
  out.columns(kObserved, batch.requests);
  out.count(kNModules, batch.requests.module_offsets);
  out.count(kNCandidates, batch.requests.candidate_offsets);
  out.columns(kObserved, batch.pages);
  out.count(kNSlotsShown, batch.pages.slot_offsets);
  out.count(kNItems, batch.pages.item_offsets);
  out.columns(kObserved, batch.propensities);
  out.columns(kObserved, batch.responses);
  if (truth != nullptr) out.columns(kTruth, *truth);
  *found = std::move(out).extents();
  return image.finish();
}

void LogWriter::write_shard(std::size_t index, std::uint32_t first_user, std::uint32_t n_users,
                            const LogBatch& batch, const TruthBatch* truth) {
  ShardInfo shard;
  shard.file = fmt::format("shard_{:05}.h5", index);
  shard.first_user = first_user;
  shard.n_users = n_users;
  shard.n_rounds = batch.size();
  const std::filesystem::path path = impl_->folder / shard.file;
  REHEARSAL_CHECK(batch.pages.size() == batch.size());
  REHEARSAL_CHECK(batch.requests.n_features == impl_->schema.n_features());
  REHEARSAL_CHECK(batch.requests.n_candidate_features == impl_->schema.n_candidate_features());
  refuse_bad_propensities(path.string(), batch);
  refuse_disorder(path.string(), first_user, n_users, batch.requests);
  Extents extents;
  const std::vector<char> bytes = impl_->image(path.string(), shard, batch, truth, &extents);
  shard.bytes = bytes.size();
  shard.checksum = checksum_of(bytes);
  write_bytes_atomically(path, bytes);

  const std::lock_guard lock(impl_->mutex);
  if (impl_->shards.size() <= index) {
    impl_->shards.resize(index + 1);
    impl_->extents.resize(index + 1);
  }
  REHEARSAL_CHECK(!impl_->shards[index]);
  impl_->shards[index] = shard;
  impl_->extents[index] = std::move(extents);
  impl_->n_impressions += impressions_of(batch);
}

/// log.h5: every dataset that all shards with rounds hold, over all of them.
ShardInfo LogWriter::Impl::write_virtual_log() const {
  std::map<std::string, std::vector<hdf5::Part>> parts;
  std::map<std::string, hdf5::Number> numbers;
  std::size_t n_filled = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (shards[i]->n_rounds > 0) ++n_filled;
    for (const auto& [path, extent] : extents[i]) {
      parts[path].push_back({shards[i]->file, extent.shape});
      numbers[path] = extent.number;
    }
  }
  const std::filesystem::path file = folder / kVirtualLog;
  std::vector<char> bytes;
  {
    const hdf5::Session session;
    hdf5::Image image(file.string());
    write_attributes(image, info);
    image.attribute("/", "n_rounds", info.n_rounds);
    image.group(kObserved);
    for (const auto& [path, found] : parts)
      if (found.size() == n_filled) image.virtual_dataset(path, numbers[path], found);
    bytes = image.finish();
  }
  write_bytes_atomically(file, bytes);
  return {kVirtualLog, 0, 0, info.n_rounds, bytes.size(), checksum_of(bytes)};
}

LogInfo LogWriter::finish() {
  const std::lock_guard lock(impl_->mutex);
  LogInfo& info = impl_->info;
  info.shards.clear();
  info.n_rounds = 0;
  info.n_impressions = impl_->n_impressions;
  for (const auto& shard : impl_->shards) {
    REHEARSAL_CHECK(shard.has_value());
    info.shards.push_back(*shard);
    info.n_rounds += shard->n_rounds;
  }
  const ShardInfo catalogue = write_catalogue(impl_->folder / kCatalogue, impl_->schema, info);
  impl_->write_virtual_log();
  write_manifest(impl_->folder, {info, catalogue});
  return info;
}

}  // namespace rehearsal
