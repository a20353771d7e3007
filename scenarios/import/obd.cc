#include "scenarios/import/obd.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "scenarios/import/csv.h"
#include "sim/core/error.h"
#include "sim/core/version.h"

namespace rehearsal {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShardRounds = 65536;
constexpr std::size_t kUserFeatures = 4;
constexpr std::int64_t kMostItems = 1 << 24;  // whole numbers of a float

struct Campaign {
  fs::path log;
  fs::path items;
  std::string name;
  std::string behavior;
};

bool is_campaign(const fs::path& folder) {
  return fs::is_regular_file(folder / (folder.filename().string() + ".csv"));
}

Campaign find_campaign(const fs::path& source, const std::string& name) {
  // Without "." and a last slash, so that the folder has a name.
  const fs::path given = fs::weakly_canonical(source);
  if (!fs::is_directory(given))
    throw Error(ErrorKind::kInput, source.string() + ": no such folder");
  std::vector<std::string> found;
  if (is_campaign(given) && (name.empty() || name == given.filename())) {
    found.push_back(given.string());
  } else {
    for (const auto& entry : fs::directory_iterator(given))
      if (is_campaign(entry.path()) && (name.empty() || name == entry.path().filename()))
        found.push_back(entry.path().string());
  }
  if (found.empty())
    throw Error(ErrorKind::kInput,
                fmt::format("{}: holds no {}: expected CAMPAIGN/CAMPAIGN.csv with item_context.csv "
                            "beside it, or that folder itself",
                            source.string(), name.empty() ? "campaign" : "campaign " + name));
  std::sort(found.begin(), found.end());
  if (found.size() > 1)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: holds several campaigns, choose one with --campaign: {}",
                            source.string(), fmt::join(found, ", ")));
  const fs::path folder = found[0];
  const std::string campaign = folder.filename().string();
  return {folder / (campaign + ".csv"), folder / "item_context.csv", campaign,
          folder.parent_path().filename().string()};
}

/// The values of a categorical column, sorted: their codes do not depend on the order of rows.
class Levels {
 public:
  void add(const std::string& value) { codes_.emplace(value, 0); }
  void number() {
    std::uint32_t next = 0;
    for (auto& [value, code] : codes_) code = next++;
  }
  float code(const std::string& value) const { return static_cast<float>(codes_.at(value)); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [value, code] : codes_) names.push_back(value.empty() ? "missing" : value);
    return names;
  }

 private:
  std::map<std::string, std::uint32_t> codes_;
};

/// item_context.csv into the schema: numbers as they are, hashed categories as their index.
void read_items(const fs::path& file, Schema& schema) {
  std::vector<Levels> levels;
  for (const bool numbering : {true, false}) {
    CsvReader csv(file);
    const std::size_t id = csv.column("item_id");
    std::vector<std::size_t> columns;
    for (std::size_t f = 0; csv.has(fmt::format("item_feature_{}", f)); ++f)
      columns.push_back(csv.column(fmt::format("item_feature_{}", f)));
    levels.resize(columns.size());
    std::vector<std::size_t> line_of(schema.n_items, 0);
    while (csv.next()) {
      const std::int64_t item = csv.integer(id, 0, numbering ? kMostItems : schema.n_items - 1);
      if (numbering) {
        ++schema.n_items;
        for (std::size_t f = 1; f < columns.size(); ++f) levels[f].add(csv.text(columns[f]));
        continue;
      }
      std::size_t& line = line_of[static_cast<std::size_t>(item)];
      if (line > 0) csv.refuse(id, fmt::format("stands on line {} already", line));
      line = csv.line();
      for (std::size_t f = 0; f < columns.size(); ++f)
        schema.items(item, static_cast<Eigen::Index>(f)) =
            f == 0 ? static_cast<float>(csv.number(columns[f]))
                   : levels[f].code(csv.text(columns[f]));
    }
    if (schema.n_items == 0) throw Error(ErrorKind::kInput, file.string() + ": holds no items");
    for (Levels& values : levels) values.number();
    schema.items.resize(schema.n_items, static_cast<Eigen::Index>(columns.size()));
  }
  for (std::size_t f = 0; f < levels.size(); ++f)
    schema.item_features.push_back(fmt::format("item_feature_{}", f));
}

/// One impression a row.
class ImpressionFile {
 public:
  ImpressionFile(const fs::path& file, std::uint32_t n_items)
      : csv_(file),
        n_items_(n_items),
        item_(csv_.column("item_id")),
        position_(csv_.column("position")),
        click_(csv_.column("click")),
        propensity_(csv_.column("propensity_score")) {
    for (std::size_t f = 0; f < kUserFeatures; ++f)
      users_.push_back(csv_.column(fmt::format("user_feature_{}", f)));
    for (std::uint32_t j = 0; j < n_items; ++j)
      affinities_.push_back(csv_.column(fmt::format("user-item_affinity_{}", j)));
  }

  bool next() { return csv_.next(); }
  std::size_t line() const { return csv_.line(); }
  void add_levels(std::vector<Levels>& levels) const {
    for (std::size_t f = 0; f < kUserFeatures; ++f) levels[f].add(csv_.text(users_[f]));
  }

  void append(std::uint32_t user, const std::vector<Levels>& levels, LogBatch& batch) const {
    const double propensity = csv_.number(propensity_);
    if (!(propensity > 0 && propensity <= 1))
      csv_.refuse(propensity_, "expected a probability in (0, 1]");
    RequestBatch& requests = batch.requests;
    requests.user.push_back(user);
    requests.session.push_back(0);
    requests.round.push_back(0);
    requests.n_slots.push_back(1);
    requests.module.push_back(0);
    requests.module_offsets.push_back(user_count(batch));
    requests.context.push_back(static_cast<float>(csv_.integer(position_, 1, 3) - 1));
    for (std::size_t f = 0; f < kUserFeatures; ++f)
      requests.context.push_back(levels[f].code(csv_.text(users_[f])));
    for (const std::size_t column : affinities_)
      requests.context.push_back(static_cast<float>(csv_.number(column)));
    batch.pages.module.push_back(0);
    batch.pages.slot_offsets.push_back(user_count(batch));
    batch.pages.item.push_back(static_cast<std::uint32_t>(csv_.integer(item_, 0, n_items_ - 1)));
    batch.pages.item_offsets.push_back(user_count(batch));
    // The one module is certain; what was drawn is its item.
    batch.propensities.pscore.push_back(propensity);
    batch.propensities.pscore_cascade.push_back(1);
    batch.propensities.pscore_item_position.push_back(1);
    batch.propensities.pscore_items.push_back(propensity);
    const auto click = static_cast<std::uint8_t>(csv_.integer(click_, 0, 1));
    batch.responses.click.push_back(click);
    batch.responses.impression.push_back(1);
    batch.responses.item_click.push_back(click);
  }

 private:
  static std::uint32_t user_count(const LogBatch& batch) {
    return static_cast<std::uint32_t>(batch.requests.user.size());
  }

  CsvReader csv_;
  std::uint32_t n_items_;
  std::size_t item_, position_, click_, propensity_;
  std::vector<std::size_t> users_;
  std::vector<std::size_t> affinities_;
};

Schema read_schema(const Campaign& campaign, std::vector<Levels>& levels) {
  Schema schema;
  schema.modules = {"item"};
  schema.curated_order = {"item"};
  schema.n_slots = 1;
  read_items(campaign.items, schema);
  levels.resize(kUserFeatures);
  ImpressionFile file(campaign.log, schema.n_items);
  while (file.next()) file.add_levels(levels);
  schema.features.push_back(
      {"position", {"left", "center", "right"}, "place on the page that the item is chosen for"});
  for (std::size_t f = 0; f < kUserFeatures; ++f) {
    levels[f].number();
    schema.features.push_back(
        {fmt::format("user_feature_{}", f), levels[f].names(), "hashed category of the user"});
  }
  for (std::uint32_t j = 0; j < schema.n_items; ++j)
    schema.features.push_back({fmt::format("user_item_affinity_{}", j),
                               {},
                               "the user's past clicks on the item, a count"});
  return schema;
}

}  // namespace

LogInfo import_obd(const fs::path& source, const std::string& campaign, const fs::path& out) {
  const Campaign found = find_campaign(source, campaign);
  std::vector<Levels> levels;
  const Schema schema = read_schema(found, levels);
  LogInfo info;
  info.name = "obd_" + found.name;
  info.version = version();
  info.behavior_policy = found.behavior;
  LogWriter writer(out, schema, info);
  ImpressionFile file(found.log, schema.n_items);
  std::uint32_t user = 0;
  for (std::size_t shard = 0;; ++shard) {
    LogBatch batch;
    batch.requests.n_features = schema.n_features();
    const std::uint32_t first = user;
    while (batch.size() < kShardRounds && file.next()) file.append(user++, levels, batch);
    if (batch.size() == 0) break;
    writer.write_shard(shard, first, user - first, batch, nullptr);
  }
  if (user == 0) throw Error(ErrorKind::kInput, found.log.string() + ": holds no impressions");
  return writer.finish();
}

}  // namespace rehearsal
