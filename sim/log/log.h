#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/core/arrays.h"
#include "sim/schema.h"

namespace rehearsal {

struct TruthBatch;

/// Rounds as a log stores them: what estimators and trainers see. Ordered by (user, session,
/// round).
struct LogBatch {
  RequestBatch requests;
  PageBatch pages;
  Propensities propensities;  // of the behaviour policy, as logged
  ResponseBatch responses;

  std::size_t size() const { return requests.size(); }
};

struct ShardInfo {
  std::string file;
  std::uint32_t first_user = 0;
  std::uint32_t n_users = 0;
  std::uint64_t n_rounds = 0;
  std::uint64_t bytes = 0;
  std::string checksum;  // CRC-32, hexadecimal
};

/// What stands beside the shards, in manifest.json.
struct LogInfo {
  std::string name;  // of the scenario or the data set
  std::uint64_t seed = 0;
  std::string version;                           // of the program
  std::string scenario;                          // resolved YAML, "" for an imported log
  std::string behavior_policy;                   // its name
  std::vector<std::string> behavior_components;  // names of a mixture's parts, in order
  std::uint64_t n_rounds = 0;
  std::uint64_t n_impressions = 0;  // items shown (visible or not recorded: all)
  std::vector<ShardInfo> shards;
};

struct LogOptions {
  int deflate = 0;  // compression of columns, 0 (off) to 9 (slow)
};

/// Writes a log folder: shards first (any order, any thread; HDF5 is behind one lock), then
/// catalogue.h5, log.h5 (virtual datasets over all shards, for h5py) and, last, manifest.json.
/// A folder without manifest.json is not a log. A shard is written under a temporary name, closed,
/// synced and renamed, so that a crash leaves only whole shards.
class LogWriter {
 public:
  /// Creates `folder` (its parent exists). Raises: Error(kInput) if it holds a log already,
  /// Error(kRuntime) when it cannot be written.
  LogWriter(const std::filesystem::path& folder, const Schema& schema, LogInfo info,
            LogOptions options = {});
  ~LogWriter();
  /// Args: index: 0-based, fixes the file's name and its place in the manifest.
  ///       truth: null for real logs.
  /// Raises: Error(kInput) for a pscore outside (0, 1]; Error(kRuntime) on a write error.
  void write_shard(std::size_t index, std::uint32_t first_user, std::uint32_t n_users,
                   const LogBatch& batch, const TruthBatch* truth);
  /// Writes what stands beside the shards. No shard may be missing.
  LogInfo finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Which columns a pass needs; the rest stay empty.
struct Columns {
  bool candidates = false;
  bool items = false;
  bool propensities = true;
  bool responses = true;
};

/// Reads /observed of a log folder, shard by shard: memory does not grow with the log. Threads may
/// share a reader.
class LogReader {
 public:
  /// Args: path: a log folder, its log.h5, or a run folder that holds one.
  /// Raises: Error(kInput) for a missing, cut or changed file (bytes and checksum are compared
  /// before HDF5 opens anything), naming it.
  explicit LogReader(const std::filesystem::path& path);
  ~LogReader();

  const std::filesystem::path& folder() const;
  const LogInfo& info() const;
  const Schema& schema() const;
  std::size_t n_shards() const { return info().shards.size(); }
  LogBatch read(std::size_t shard, const Columns& columns) const;
  /// A shard's file, its bytes and checksum compared with the manifest (once a reader).
  std::filesystem::path verified_file(std::size_t shard) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The truth columns of a shard: for tests and truth reports only (needs sim/truth.h to use).
TruthBatch read_truth(const LogReader& reader, std::size_t shard);

/// Named arrays as one HDF5 file (one dataset each), written atomically.
void save_arrays(const std::filesystem::path& file, const Arrays& arrays);
Arrays load_arrays(const std::filesystem::path& file);
/// One dataset of any HDF5 file as doubles. Args: reference: "FILE.h5:DATASET".
/// Raises: Error(kInput) naming the file and, when the dataset is missing, those that are there.
Array load_dataset(const std::string& reference);

/// Writes `text` under a temporary name, syncs and renames. Raises: Error(kRuntime).
void write_text_atomically(const std::filesystem::path& file, const std::string& text);
/// Raises: Error(kInput) when it cannot be read.
std::string read_text(const std::filesystem::path& file);

}  // namespace rehearsal
