#include <fmt/format.h>

#include <set>

#include "sim/core/error.h"
#include "sim/log/columns.h"
#include "sim/log/files.h"
#include "sim/log/log.h"
#include "sim/log/manifest.h"
#include "sim/truth.h"

namespace rehearsal {

using namespace log_format;

namespace {

/// One shard's datasets, with every length checked against its level.
class ShardFile {
 public:
  ShardFile(const std::filesystem::path& path, std::size_t n_rounds) : file_(path) {
    rows_[static_cast<std::size_t>(Level::kRound)] = n_rounds;
    for (const std::string& name : file_.datasets()) there_.insert("/" + name);
  }

  std::size_t rows(Level level) const { return rows_of(rows_, level); }

  /// Offsets of a ragged level; {0} when it is not recorded.
  Offsets offsets(const Count& count) {
    const std::string path = kObserved + "/" + count.name;
    rows_[static_cast<std::size_t>(count.child)] = 0;
    if (there_.count(path) == 0) return Offsets(1, 0);
    const auto counts = file_.read<std::uint32_t>(path);
    refuse_length(path, counts.size(), rows(count.parent));
    Offsets offsets(counts.size() + 1);
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      sum += counts[i];
      offsets[i + 1] = static_cast<std::uint32_t>(sum);
    }
    rows_[static_cast<std::size_t>(count.child)] = static_cast<std::size_t>(sum);
    return offsets;
  }

  /// Fills the columns of a batch that are there and of a wanted level.
  template <class Batch>
  void columns(const std::string& group, bool with_candidates, bool with_items, Batch& batch) {
    Batch::visit(batch, [&](const std::string& name, Level level, std::size_t width, auto& column,
                            const char*) {
      if ((level == Level::kCandidate && !with_candidates) ||
          (level == Level::kItem && !with_items))
        return;
      const std::string path = group + "/" + name;
      if (there_.count(path) == 0) return;
      column = file_.read<typename std::remove_cvref_t<decltype(column)>::value_type>(path);
      refuse_length(path, column.size(), rows(level) * width);
    });
  }

  /// Values a row of a matrix column; 0 when it is not recorded.
  std::size_t width(const std::string& path) const {
    if (there_.count(path) == 0) return 0;
    const hdf5::Shape shape = file_.shape(path);
    if (shape.size() != 2)
      throw Error(ErrorKind::kInput, fmt::format("{}:{}: expected two dimensions, found {}",
                                                 file_.name(), path, shape.size()));
    return static_cast<std::size_t>(shape[1]);
  }

 private:
  void refuse_length(const std::string& path, std::size_t found, std::size_t expected) const {
    if (found != expected)
      throw Error(ErrorKind::kInput, fmt::format("{}:{}: has {} values, expected {}", file_.name(),
                                                 path, found, expected));
  }

  hdf5::File file_;
  std::set<std::string> there_;
  Rows rows_{};
};

/// The log folder that a path stands for.
std::filesystem::path folder_of(const std::filesystem::path& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored) &&
      (path.filename() == kVirtualLog || path.filename() == kManifest))
    return path.parent_path().empty() ? fs::path(".") : path.parent_path();
  if (!fs::exists(path, ignored)) throw Error(ErrorKind::kInput, path.string() + ": no such log");
  if (!fs::is_directory(path, ignored))
    throw Error(ErrorKind::kInput,
                fmt::format("{}: is not a log: expected a folder with {}, or its {}", path.string(),
                            kManifest, kVirtualLog));
  if (fs::exists(path / kManifest, ignored)) return path;
  if (fs::exists(path / "log" / kManifest, ignored)) return path / "log";
  throw Error(ErrorKind::kInput,
              fmt::format("{}: is not a log, or not a finished one: it holds no {}", path.string(),
                          kManifest));
}

}  // namespace

struct LogReader::Impl {
  std::filesystem::path folder;
  Manifest manifest;
  Schema schema;
  std::vector<std::once_flag> verified;  // (n_shards)

  explicit Impl(const std::filesystem::path& path)
      : folder(folder_of(path)),
        manifest(read_manifest(folder)),
        schema(read_catalogue(folder, manifest.catalogue)),
        verified(manifest.info.shards.size()) {}
};

LogReader::LogReader(const std::filesystem::path& path) : impl_(std::make_unique<Impl>(path)) {
  for (const ShardInfo& shard : impl_->manifest.info.shards) {
    const std::filesystem::path file = impl_->folder / shard.file;
    std::error_code error;
    const std::uintmax_t bytes = std::filesystem::file_size(file, error);
    if (error)
      throw Error(ErrorKind::kInput,
                  fmt::format("{}: cannot read: {}", file.string(), error.message()));
    if (bytes != shard.bytes) verify_file(file, shard.bytes, shard.checksum);
  }
}

LogReader::~LogReader() = default;

const std::filesystem::path& LogReader::folder() const { return impl_->folder; }
const LogInfo& LogReader::info() const { return impl_->manifest.info; }
const Schema& LogReader::schema() const { return impl_->schema; }

std::filesystem::path LogReader::verified_file(std::size_t shard) const {
  const ShardInfo& info = impl_->manifest.info.shards.at(shard);
  const std::filesystem::path file = impl_->folder / info.file;
  std::call_once(impl_->verified[shard], [&] { verify_file(file, info.bytes, info.checksum); });
  return file;
}

LogBatch LogReader::read(std::size_t shard, const Columns& columns) const {
  const std::filesystem::path path = verified_file(shard);
  const hdf5::Session session;
  ShardFile file(path, info().shards[shard].n_rounds);
  LogBatch batch;
  batch.requests.n_features = schema().n_features();
  batch.requests.n_candidate_features = schema().n_candidate_features();
  batch.requests.module_offsets = file.offsets(kNModules);
  if (columns.candidates) batch.requests.candidate_offsets = file.offsets(kNCandidates);
  file.columns(kObserved, columns.candidates, columns.items, batch.requests);
  batch.pages.slot_offsets = file.offsets(kNSlotsShown);
  if (columns.items) batch.pages.item_offsets = file.offsets(kNItems);
  file.columns(kObserved, columns.candidates, columns.items, batch.pages);
  if (columns.propensities)
    file.columns(kObserved, columns.candidates, columns.items, batch.propensities);
  if (columns.responses)
    file.columns(kObserved, columns.candidates, columns.items, batch.responses);
  return batch;
}

TruthBatch read_truth(const LogReader& reader, std::size_t shard) {
  const std::filesystem::path path = reader.verified_file(shard);
  const hdf5::Session session;
  ShardFile file(path, reader.info().shards[shard].n_rounds);
  file.offsets(kNSlotsShown);
  TruthBatch truth;
  truth.n_latents = file.width(kTruth + "/latents");
  file.columns(kTruth, true, true, truth);
  return truth;
}

}  // namespace rehearsal
