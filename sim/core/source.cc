#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <set>

#include "sim/core/error.h"
#include "sim/core/fields.h"

namespace rehearsal {

void refuse_at(const YAML::Node& node, const Source& source, const std::string& message) {
  const std::string place = where(node, source);
  throw Error(ErrorKind::kInput, (place.empty() ? "" : place + ": ") + message);
}

std::string seen(const YAML::Node& node) {
  if (!node.IsDefined() || node.IsNull()) return "nothing";
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a mapping";
  return "'" + node.Scalar() + "'";
}

Source Source::child(const std::string& key) const {
  return {file, path.empty() ? key : path + "." + key, origins};
}

Source Source::child(std::size_t index) const {
  return {file, fmt::format("{}[{}]", path, index), origins};
}

std::string where(const YAML::Node& node, const Source& source) {
  std::string file = source.file;
  if (source.origins) {
    // The longest recorded path that this one lies at or below.
    std::size_t longest = 0;
    for (const auto& [path, origin] : *source.origins) {
      const bool below = source.path.compare(0, path.size(), path) == 0 &&
                         (source.path.size() == path.size() || source.path[path.size()] == '.' ||
                          source.path[path.size()] == '[');
      if (below && path.size() >= longest) {
        longest = path.size();
        file = origin;
      }
    }
  }
  std::string place = file;
  const bool on_command_line = file.rfind("--", 0) == 0;
  if (!on_command_line && node.IsDefined() && !node.Mark().is_null())
    place += fmt::format("{}{}:{}", file.empty() ? "line " : ":", node.Mark().line + 1,
                         node.Mark().column + 1);
  if (source.path.empty()) return place;
  return place.empty() ? source.path : place + ": " + source.path;
}

void check_mapping(const YAML::Node& node, const Source& source) {
  if (!node.IsDefined() || node.IsNull()) return;
  if (!node.IsMap()) refuse_at(node, source, "expected a mapping, found " + seen(node));
  std::set<std::string> keys;
  for (const auto& pair : node) {
    if (!pair.first.IsScalar()) refuse_at(pair.first, source, "a key must be a text");
    const std::string& key = pair.first.Scalar();
    if (!keys.insert(key).second)
      refuse_at(pair.first, source.child(key), "the key stands here twice");
  }
}

std::string unknown_name(const std::string& kind, const std::string& name,
                         const std::vector<std::string>& known) {
  std::string message = "unknown " + kind + " '" + name + "'";
  const std::string near = nearest_name(name, known);
  if (!near.empty()) message += "; did you mean '" + near + "'?";
  return message + (near.empty() ? ". Known: " : " Known: ") +
         (known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", ")));
}

void PluginConfig::refuse(const std::string& key, const std::string& message) const {
  YAML::Node at = node;
  Source place = source;
  std::string rest = key;
  while (!rest.empty()) {
    const std::size_t dot = rest.find('.');
    const std::string step = rest.substr(0, dot);
    rest = dot == std::string::npos ? "" : rest.substr(dot + 1);
    place = place.child(step);
    const YAML::Node& parent = at;
    if (!parent.IsMap()) continue;
    const YAML::Node inner = parent[step];
    if (inner.IsDefined()) at.reset(inner);
  }
  refuse_at(at, place, message);
}

}  // namespace rehearsal
