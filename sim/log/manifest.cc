#include "sim/log/manifest.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/log/columns.h"
#include "sim/log/files.h"
#include "sim/log/json_file.h"
#include "sim/log/schema_file.h"

namespace rehearsal::log_format {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const ShardInfo& shard) {
  return {{"file", shard.file},       {"first_user", shard.first_user},
          {"n_users", shard.n_users}, {"n_rounds", shard.n_rounds},
          {"bytes", shard.bytes},     {"checksum", shard.checksum}};
}

ShardInfo shard_from(const Json& json) {
  ShardInfo shard;
  json.at("file").get_to(shard.file);
  json.at("first_user").get_to(shard.first_user);
  json.at("n_users").get_to(shard.n_users);
  json.at("n_rounds").get_to(shard.n_rounds);
  json.at("bytes").get_to(shard.bytes);
  json.at("checksum").get_to(shard.checksum);
  return shard;
}

Manifest parse(const Json& json) {
  Manifest manifest;
  LogInfo& info = manifest.info;
  json.at("name").get_to(info.name);
  json.at("seed").get_to(info.seed);
  json.at("version").get_to(info.version);
  json.at("behavior_policy").get_to(info.behavior_policy);
  json.at("behavior_components").get_to(info.behavior_components);
  json.at("n_rounds").get_to(info.n_rounds);
  json.at("n_impressions").get_to(info.n_impressions);
  json.at("scenario").get_to(info.scenario);
  const Json& catalogue = json.at("catalogue");
  catalogue.at("file").get_to(manifest.catalogue.file);
  catalogue.at("bytes").get_to(manifest.catalogue.bytes);
  catalogue.at("checksum").get_to(manifest.catalogue.checksum);
  std::uint64_t n_rounds = 0;
  for (const Json& shard : json.at("shards")) {
    info.shards.push_back(shard_from(shard));
    n_rounds += info.shards.back().n_rounds;
  }
  if (n_rounds != info.n_rounds)
    throw Error(ErrorKind::kInput,
                fmt::format("n_rounds is {}, its shards hold {}", info.n_rounds, n_rounds));
  return manifest;
}

}  // namespace

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  const LogInfo& info = manifest.info;
  Json shards = Json::array();
  for (const ShardInfo& shard : info.shards) shards.push_back(to_json(shard));
  const Json json = {{"schema", kSchema},
                     {"name", info.name},
                     {"seed", info.seed},
                     {"version", info.version},
                     {"behavior_policy", info.behavior_policy},
                     {"behavior_components", info.behavior_components},
                     {"n_rounds", info.n_rounds},
                     {"n_impressions", info.n_impressions},
                     {"catalogue",
                      {{"file", manifest.catalogue.file},
                       {"bytes", manifest.catalogue.bytes},
                       {"checksum", manifest.catalogue.checksum}}},
                     {"shards", shards},
                     {"scenario", info.scenario}};
  write_text_atomically(folder / kManifest, json.dump(1) + "\n");
}

Manifest read_manifest(const std::filesystem::path& folder) {
  return read_json_file(folder / kManifest, kSchema, "a log's manifest", parse);
}

ShardInfo write_catalogue(const std::filesystem::path& file, const Schema& schema,
                          const LogInfo& info) {
  std::vector<std::string> names;
  std::vector<std::string> help;
  std::vector<std::string> levels;
  std::vector<std::uint32_t> n_levels;
  for (const Feature& feature : schema.features) {
    names.push_back(feature.name);
    help.push_back(feature.help);
    n_levels.push_back(static_cast<std::uint32_t>(feature.levels.size()));
    levels.insert(levels.end(), feature.levels.begin(), feature.levels.end());
  }
  std::vector<char> bytes;
  {
    const hdf5::Session session;
    hdf5::Image image(file.string());
    write_attributes(image, info);
    image.attribute("/", "n_slots", std::uint64_t{schema.n_slots});
    image.attribute("/", "n_positions", std::uint64_t{schema.n_positions});
    image.attribute("/", "n_items", std::uint64_t{schema.n_items});
    image.texts("/features/name", names);
    image.texts("/features/help", help);
    image.dataset("/features/n_levels", n_levels, {n_levels.size()});
    image.texts("/features/level", levels);
    image.texts("/modules/name", schema.modules);
    image.texts("/modules/curated_order", schema.curated_order);
    image.texts("/items/feature_name", schema.item_features);
    image.texts("/candidates/feature_name", schema.candidate_features);
    image.dataset(
        "/items/features", hdf5::Number::kF32, schema.items.data(),
        {static_cast<hsize_t>(schema.items.rows()), static_cast<hsize_t>(schema.items.cols())});
    bytes = image.finish();
  }
  write_bytes_atomically(file, bytes);
  ShardInfo written;
  written.file = file.filename().string();
  written.bytes = bytes.size();
  written.checksum = checksum_of(bytes);
  return written;
}

Schema read_catalogue(const std::filesystem::path& path) {
  const hdf5::Session session;
  const hdf5::File file(path);
  Schema schema;
  schema.n_slots = static_cast<std::uint16_t>(file.attribute("/", "n_slots"));
  schema.n_positions = static_cast<std::uint16_t>(file.attribute("/", "n_positions"));
  schema.n_items = static_cast<std::uint32_t>(file.attribute("/", "n_items"));
  const std::vector<std::string> names = file.texts("/features/name");
  const std::vector<std::string> help = file.texts("/features/help");
  const std::vector<std::string> levels = file.texts("/features/level");
  const auto n_levels = file.read<std::uint32_t>("/features/n_levels");
  std::size_t next = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    Feature feature{names[i], {}, help.at(i)};
    for (std::uint32_t level = 0; level < n_levels.at(i); ++level)
      feature.levels.push_back(levels.at(next++));
    schema.features.push_back(std::move(feature));
  }
  schema.modules = file.texts("/modules/name");
  schema.curated_order = file.texts("/modules/curated_order");
  schema.item_features = file.texts("/items/feature_name");
  schema.candidate_features = file.texts("/candidates/feature_name");
  hdf5::Shape shape;
  const auto items = file.read<float>("/items/features", &shape);
  schema.items = Eigen::Map<const RowMatrixF>(items.data(), static_cast<Eigen::Index>(shape.at(0)),
                                              static_cast<Eigen::Index>(shape.at(1)));
  return schema;
}

Schema read_catalogue(const std::filesystem::path& folder, const ShardInfo& expected) {
  const std::filesystem::path file = folder / expected.file;
  verify_file(file, expected.bytes, expected.checksum);
  return read_catalogue(file);
}

}  // namespace rehearsal::log_format

namespace rehearsal {

void save_schema(const std::filesystem::path& file, const Schema& schema) {
  LogInfo info;
  info.version = version();
  log_format::write_catalogue(file, schema, info);
}

Schema load_schema(const std::filesystem::path& file) { return log_format::read_catalogue(file); }

}  // namespace rehearsal
