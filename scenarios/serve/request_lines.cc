#include "scenarios/serve/request_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/fields.h"

namespace rehearsal {

namespace {

using Json = nlohmann::json;

/// Draws of a ranker leave room for so many candidates of a module.
constexpr std::size_t kMostItems = 4095;

[[noreturn]] void refuse(const std::string& key, const std::string& why) {
  throw Error(ErrorKind::kInput, key.empty() ? why : key + ": " + why);
}

std::string shown(const Json& value) {
  if (value.is_object()) return "a mapping";
  if (value.is_array()) return "a list";
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& at(const Json& object, const char* key, const std::string& path) {
  const auto found = object.find(key);
  if (found == object.end()) refuse(path + key, "is missing");
  return *found;
}

/// A whole number from 0 to `most`.
template <class Number>
Number count_at(const Json& value, const std::string& key, std::uint64_t most) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > most)
    refuse(key, fmt::format("expected a whole number from 0 to {}, found {}", most, shown(value)));
  return static_cast<Number>(value.get<std::uint64_t>());
}

float feature_value(const Feature& feature, const Json& value) {
  const std::string key = "context." + feature.name;
  if (!feature.categorical()) {
    if (!value.is_number()) refuse(key, "expected a number, found " + shown(value));
    const auto number = static_cast<float>(value.get<double>());
    if (!std::isfinite(number)) refuse(key, "expected a finite number, found " + shown(value));
    return number;
  }
  if (!value.is_string())
    refuse(key, "expected the name of a category, found " + shown(value) +
                    ". Known: " + fmt::format("{}", fmt::join(feature.levels, ", ")));
  const std::string& name = value.get_ref<const std::string&>();
  const auto level = std::find(feature.levels.begin(), feature.levels.end(), name);
  if (level == feature.levels.end()) refuse(key, unknown_name("category", name, feature.levels));
  return static_cast<float>(level - feature.levels.begin());
}

/// Scatters a hash over the numbers (the finaliser of MurmurHash3, Appleby 2011).
std::uint64_t mixed(std::uint64_t h) {
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdULL;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33);
}

Turn turn_of_id(const std::string& id) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  hash = mixed(hash);
  return {UserId{static_cast<std::uint32_t>(hash)}, static_cast<std::uint16_t>(hash >> 32),
          static_cast<std::uint16_t>(hash >> 48)};
}

Turn turn_of(const Json& request, const std::string& id) {
  const bool has_user = request.contains("user");
  for (const char* key : {"session", "round"})
    if (!has_user && request.contains(key)) refuse(key, "stands without \"user\"");
  if (!has_user) return turn_of_id(id);
  constexpr std::uint64_t kMost16 = std::numeric_limits<std::uint16_t>::max();
  Turn turn;
  turn.user.value =
      count_at<std::uint32_t>(request["user"], "user", std::numeric_limits<std::uint32_t>::max());
  if (request.contains("session"))
    turn.session = count_at<std::uint16_t>(request["session"], "session", kMost16);
  if (request.contains("round"))
    turn.round = count_at<std::uint16_t>(request["round"], "round", kMost16);
  return turn;
}

void check_keys(const Json& object, const std::vector<std::string>& known,
                const std::string& path) {
  for (const auto& item : object.items())
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      refuse(path, unknown_name("key", item.key(), known));
}

}  // namespace

/// A request as read, before it stands in a batch.
struct RequestLines::Parsed {
  Turn turn;
  std::vector<float> context;
  std::vector<std::uint16_t> module;             // as in the request
  std::vector<std::vector<std::uint32_t>> item;  // of each module
  // Of each module, (n_items, n_candidate_features); NaN where the request gives none.
  std::vector<std::vector<float>> candidate_context;

  void read_context(const Json& context_node, const RequestLines& lines) {
    if (!context_node.is_object())
      refuse("context", "expected a mapping of features, found " + shown(context_node));
    const std::vector<Feature>& features = lines.schema_.features;
    context.resize(features.size());
    std::vector<std::uint8_t> seen(features.size());
    for (const auto& item_ : context_node.items()) {
      const auto found = lines.features_.find(item_.key());
      if (found == lines.features_.end())
        refuse("context", unknown_name("feature", item_.key(), lines.feature_names_));
      context[found->second] = feature_value(features[found->second], item_.value());
      seen[found->second] = 1;
    }
    const auto missing = std::find(seen.begin(), seen.end(), std::uint8_t{0}) - seen.begin();
    if (static_cast<std::size_t>(missing) < seen.size())
      refuse("context." + features[static_cast<std::size_t>(missing)].name, "is missing");
  }

  void read_module(const Json& node, const std::string& path, const RequestLines& lines) {
    if (!node.is_object()) refuse(path, "expected a mapping, found " + shown(node));
    check_keys(node, {"module", "items", "features"}, path);
    const Json& name = at(node, "module", path + ".");
    if (!name.is_string())
      refuse(path + ".module", "expected the name of a module, found " + shown(name));
    const auto found = lines.modules_.find(name.get_ref<const std::string&>());
    if (found == lines.modules_.end())
      refuse(path + ".module",
             unknown_name("module", name.get<std::string>(), lines.schema_.modules));
    if (std::find(module.begin(), module.end(), found->second) != module.end())
      refuse(path + ".module", "'" + found->first + "' stands twice");
    module.push_back(found->second);
    read_items(at(node, "items", path + "."), path + ".items", lines.schema_.n_items);
    read_features(node, path + ".features", lines.schema_.candidate_features);
  }

  /// What is known of each item for this request, by the feature's name.
  void read_features(const Json& module_node, const std::string& path,
                     const std::vector<std::string>& names) {
    const std::size_t n = item.back().size();
    std::vector<float>& values = candidate_context.emplace_back();
    values.assign(n * names.size(), std::numeric_limits<float>::quiet_NaN());
    if (!module_node.contains("features")) return;
    const Json& node = module_node["features"];
    if (!node.is_object()) refuse(path, "expected a mapping of features, found " + shown(node));
    check_keys(node, names, path);
    for (std::size_t f = 0; f < names.size(); ++f) {
      const Json& column = at(node, names[f].c_str(), path + ".");
      const std::string key = path + "." + names[f];
      if (!column.is_array() || column.size() != n)
        refuse(key,
               fmt::format("expected a list of {} numbers, one an item, found {}", n,
                           column.is_array() ? fmt::format("{}", column.size()) : shown(column)));
      for (std::size_t k = 0; k < n; ++k) {
        if (!column[k].is_number())
          refuse(fmt::format("{}[{}]", key, k), "expected a number, found " + shown(column[k]));
        const auto value = static_cast<float>(column[k].get<double>());
        if (!std::isfinite(value))
          refuse(fmt::format("{}[{}]", key, k), "expected a finite number");
        values[k * names.size() + f] = value;
      }
    }
  }

  void read_items(const Json& node, const std::string& path, std::uint32_t n_items) {
    if (!node.is_array()) refuse(path, "expected a list of item ids, found " + shown(node));
    if (node.size() > kMostItems)
      refuse(path, fmt::format("holds {} items, at most {} are allowed", node.size(), kMostItems));
    std::vector<std::uint32_t>& items = item.emplace_back();
    for (std::size_t k = 0; k < node.size(); ++k) {
      const std::string key = fmt::format("{}[{}]", path, k);
      if (n_items == 0) refuse(key, "the policy's catalogue has no items");
      items.push_back(count_at<std::uint32_t>(node[k], key, n_items - 1));
      if (std::find(items.begin(), items.end() - 1, items.back()) != items.end() - 1)
        refuse(key, fmt::format("item {} stands twice", items.back()));
    }
  }

  /// Modules of a batch ascend.
  void append_to(RequestBatch& batch, const Schema& schema) const {
    batch.n_features = schema.n_features();
    batch.n_candidate_features = schema.n_candidate_features();
    batch.user.push_back(turn.user.value);
    batch.session.push_back(turn.session);
    batch.round.push_back(turn.round);
    batch.n_slots.push_back(schema.n_slots);
    if (schema.n_positions > 0) batch.n_positions.push_back(schema.n_positions);
    batch.context.insert(batch.context.end(), context.begin(), context.end());
    std::vector<std::size_t> order(module.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return module[a] < module[b]; });
    for (const std::size_t m : order) {
      batch.module.push_back(module[m]);
      batch.candidate.insert(batch.candidate.end(), item[m].begin(), item[m].end());
      batch.candidate_context.insert(batch.candidate_context.end(), candidate_context[m].begin(),
                                     candidate_context[m].end());
      batch.candidate_offsets.push_back(static_cast<std::uint32_t>(batch.candidate.size()));
    }
    batch.module_offsets.push_back(static_cast<std::uint32_t>(batch.module.size()));
  }
};

RequestLines::RequestLines(const Schema& schema) : schema_(schema) {
  for (std::size_t j = 0; j < schema.features.size(); ++j) {
    features_[schema.features[j].name] = j;
    feature_names_.push_back(schema.features[j].name);
  }
  for (std::size_t m = 0; m < schema.modules.size(); ++m)
    modules_[schema.modules[m]] = static_cast<std::uint16_t>(m);
}

void RequestLines::read(std::string_view line, RequestBatch& batch, std::string& id) const {
  id = "null";
  Json request;
  try {
    request = Json::parse(line);
  } catch (const Json::exception& error) {
    refuse("", std::string("is not JSON: ") + error.what());
  }
  if (!request.is_object()) refuse("", "expected a JSON object, found " + shown(request));
  const Json& name = at(request, "id", "");
  if (!name.is_string() && !name.is_number())
    refuse("id", "expected a text or a number, found " + shown(name));
  id = shown(name);
  check_keys(request, {"id", "context", "modules", "user", "session", "round"}, "");
  Parsed parsed;
  parsed.turn = turn_of(request, id);
  parsed.read_context(at(request, "context", ""), *this);
  const Json& modules = at(request, "modules", "");
  if (!modules.is_array()) refuse("modules", "expected a list, found " + shown(modules));
  for (std::size_t m = 0; m < modules.size(); ++m)
    parsed.read_module(modules[m], fmt::format("modules[{}]", m), *this);
  parsed.append_to(batch, schema_);
}

std::string RequestLines::answer(const std::string& id, const PageBatch& pages, std::size_t i,
                                 double pscore) const {
  std::string text = "{\"id\":" + id + ",\"page\":[";
  for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot) {
    if (slot > pages.slot_offsets[i]) text += ',';
    text += "{\"module\":" + Json(schema_.modules[pages.module[slot]]).dump() + ",\"items\":[";
    // Without a candidate in the whole batch there are no columns of items.
    const bool any = slot + 1 < pages.item_offsets.size();
    for (std::size_t k = any ? pages.item_offsets[slot] : 0;
         any && k < pages.item_offsets[slot + 1]; ++k)
      text.append(k > pages.item_offsets[slot] ? "," : "").append(std::to_string(pages.item[k]));
    text += "]}";
  }
  return text + "],\"pscore\":" + Json(pscore).dump() + "}";
}

std::string RequestLines::refusal(const std::string& id, std::size_t line, const std::string& why) {
  return "{\"id\":" + id + ",\"line\":" + std::to_string(line) +
         ",\"error\":" + Json(why).dump(-1, ' ', false, Json::error_handler_t::replace) + "}";
}

}  // namespace rehearsal
