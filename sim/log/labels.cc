#include "sim/log/labels.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "sim/core/fields.h"
#include "sim/log/files.h"
#include "sim/log/hdf5_file.h"
#include "sim/log/json_file.h"
#include "sim/log/log.h"

namespace rehearsal {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kLabelsSchema = "rehearsal.labels/1";
constexpr const char* kLabelsFile = "labels.json";
constexpr const char* kDataset = "/labels";

std::vector<char> image_of(const std::string& file, const RowMatrixF& labels) {
  const hdf5::Session session;
  hdf5::Image image(file);
  image.dataset(kDataset, hdf5::Number::kF32, labels.data(),
                {static_cast<hsize_t>(labels.rows()), static_cast<hsize_t>(labels.cols())});
  return image.finish();
}

struct LabelList {
  std::vector<LabelHead> heads;
  std::string teacher;
  std::vector<LabelShard> shards;
};

LabelList parse_labels(const Json& json) {
  LabelList manifest;
  json.at("teacher").get_to(manifest.teacher);
  for (const Json& head : json.at("heads"))
    manifest.heads.push_back({head.at("name"), head.at("regression")});
  for (const Json& shard : json.at("shards"))
    manifest.shards.push_back(
        {shard.at("file"), shard.at("n_rows"), shard.at("bytes"), shard.at("checksum")});
  return manifest;
}

LabelList read_list(const std::filesystem::path& folder) {
  return read_json_file(folder / kLabelsFile, kLabelsSchema, "a list of labels", parse_labels);
}

RowMatrixF read_shard(const std::filesystem::path& file, const LabelShard& shard,
                      std::size_t n_heads) {
  verify_file(file, shard.bytes, shard.checksum);
  const hdf5::Session session;
  const hdf5::File in(file);
  hdf5::Shape shape;
  const std::vector<float> values = in.read<float>(kDataset, &shape);
  if (shape != hdf5::Shape{shard.n_rows, n_heads})
    throw Error(ErrorKind::kInput, fmt::format("{}:{}: expected ({}, {}) values", file.string(),
                                               kDataset, shard.n_rows, n_heads));
  return Eigen::Map<const RowMatrixF>(values.data(), static_cast<Eigen::Index>(shard.n_rows),
                                      static_cast<Eigen::Index>(n_heads));
}

}  // namespace

std::size_t LabelSource::head_index(const std::string& name, const std::string& where) const {
  std::vector<std::string> known;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    if (heads[h].name == name) return h;
    known.push_back(heads[h].name);
  }
  throw Error(ErrorKind::kInput, (where.empty() ? "" : where + ": ") +
                                     unknown_name("head of the teacher", name, known));
}

LabelWriter::LabelWriter(std::filesystem::path folder, std::vector<LabelHead> heads,
                         std::string teacher)
    : folder_(std::move(folder)), heads_(std::move(heads)), teacher_(std::move(teacher)) {
  if (std::filesystem::exists(folder_ / kLabelsFile))
    throw Error(ErrorKind::kInput,
                folder_.string() + ": holds labels already; give another folder or remove it");
  std::error_code problem;
  std::filesystem::create_directories(folder_, problem);
  if (problem)
    throw Error(ErrorKind::kRuntime,
                folder_.string() + ": cannot create the folder: " + problem.message());
}

void LabelWriter::write_shard(std::size_t index, const RowMatrixF& labels) {
  REHEARSAL_CHECK(labels.cols() == static_cast<Eigen::Index>(heads_.size()));
  LabelShard shard;
  shard.file = fmt::format("labels_{:05}.h5", index);
  shard.n_rows = static_cast<std::uint64_t>(labels.rows());
  const std::filesystem::path path = folder_ / shard.file;
  const std::vector<char> bytes = image_of(path.string(), labels);
  shard.bytes = bytes.size();
  shard.checksum = checksum_of(bytes);
  write_bytes_atomically(path, bytes);
  const std::lock_guard lock(mutex_);
  if (shards_.size() <= index) shards_.resize(index + 1);
  REHEARSAL_CHECK(shards_[index].file.empty());
  shards_[index] = std::move(shard);
}

void LabelWriter::finish() {
  const std::lock_guard lock(mutex_);
  Json heads = Json::array();
  for (const LabelHead& head : heads_)
    heads.push_back({{"name", head.name}, {"regression", head.regression}});
  Json shards = Json::array();
  for (const LabelShard& shard : shards_) {
    REHEARSAL_CHECK(!shard.file.empty());
    shards.push_back({{"file", shard.file},
                      {"n_rows", shard.n_rows},
                      {"bytes", shard.bytes},
                      {"checksum", shard.checksum}});
  }
  const Json json = {
      {"schema", kLabelsSchema}, {"teacher", teacher_}, {"heads", heads}, {"shards", shards}};
  write_text_atomically(folder_ / kLabelsFile, json.dump(1) + "\n");
}

LabelSource open_labels(const std::filesystem::path& folder) {
  const auto manifest = std::make_shared<const LabelList>(read_list(folder));
  return {manifest->heads, manifest->teacher, [folder, manifest](std::size_t shard) {
            if (shard >= manifest->shards.size())
              throw Error(ErrorKind::kInput,
                          fmt::format("{}: labels of {} shards, and shard {} is "
                                      "asked for: they are of other rounds",
                                      folder.string(), manifest->shards.size(), shard));
            const LabelShard& found = manifest->shards[shard];
            return read_shard(folder / found.file, found, manifest->heads.size());
          }};
}

LabelSource labels_of(std::vector<LabelHead> heads, std::string teacher,
                      std::vector<RowMatrixF> shards) {
  const auto held = std::make_shared<const std::vector<RowMatrixF>>(std::move(shards));
  return {std::move(heads), std::move(teacher), [held](std::size_t shard) {
            REHEARSAL_CHECK(shard < held->size());
            return (*held)[shard];
          }};
}

}  // namespace rehearsal
