#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// One output of a teacher: the logit of a binary task, or the value of a regression.
struct LabelHead {
  std::string name;
  bool regression = false;
};

/// A teacher's outputs for the items shown in some rounds, shard by shard as a RoundSource reads
/// those rounds: what students learn from in the place of the teacher itself.
struct LabelSource {
  std::vector<LabelHead> heads;
  std::string teacher;  // its version
  /// Returns: (n_items of the shard, n_heads); NaN where the teacher has no output.
  std::function<RowMatrixF(std::size_t shard)> read;

  /// Raises: Error(kInput) naming the nearest and all known heads.
  std::size_t head_index(const std::string& name, const std::string& where = "") const;
};

/// A shard's line in labels.json.
struct LabelShard {
  std::string file;
  std::uint64_t n_rows = 0;  // items
  std::uint64_t bytes = 0;
  std::string checksum;  // CRC-32, hexadecimal
};

/// Writes a folder of teacher labels: one HDF5 file a shard (/labels (n_items, n_heads) float32),
/// then, last, labels.json with heads, the teacher's version, rows and checksums.
class LabelWriter {
 public:
  /// Raises: Error(kInput) if the folder holds labels already, Error(kRuntime) when it cannot be
  /// written.
  LabelWriter(std::filesystem::path folder, std::vector<LabelHead> heads, std::string teacher);
  /// Shards in any order. Args: labels: (n_items, n_heads).
  void write_shard(std::size_t index, const RowMatrixF& labels);
  /// No shard may be missing.
  void finish();

 private:
  std::filesystem::path folder_;
  std::vector<LabelHead> heads_;
  std::string teacher_;
  std::mutex mutex_;
  std::vector<LabelShard> shards_;
};

/// The labels of a folder; each shard's bytes and checksum are compared before HDF5 opens it.
/// Raises: Error(kInput) for a missing, cut or changed file, when opened or when read.
LabelSource open_labels(const std::filesystem::path& folder);

/// Labels in memory, (n_items, n_heads) a shard.
LabelSource labels_of(std::vector<LabelHead> heads, std::string teacher,
                      std::vector<RowMatrixF> shards);

}  // namespace rehearsal
