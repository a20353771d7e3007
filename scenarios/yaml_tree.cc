#include "scenarios/yaml_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

using Origins = std::map<std::string, std::string>;
constexpr int kDeepest = 64;  // levels of nesting; an alias may point at itself

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::kInput, message); }

void check_tree(const YAML::Node& node, const Source& source, int depth) {
  if (depth > kDeepest) refuse(where(node, source) + ": nested too deeply");
  if (node.IsMap()) {
    check_mapping(node, source);
    for (const auto& pair : node)
      check_tree(pair.second, source.child(pair.first.Scalar()), depth + 1);
  } else if (node.IsSequence()) {
    for (std::size_t i = 0; i < node.size(); ++i) check_tree(node[i], source.child(i), depth + 1);
  }
}

[[noreturn]] void refuse_yaml(const YAML::Exception& error, const std::string& file) {
  if (error.mark.is_null()) refuse(file + ": " + error.msg);
  refuse(fmt::format("{}:{}:{}: not valid YAML: {}", file, error.mark.line + 1,
                     error.mark.column + 1, error.msg));
}

Tree checked(std::vector<YAML::Node> documents, const std::string& file) {
  if (documents.size() > 1) refuse(file + ": holds several YAML documents; expected one");
  Tree tree;
  tree.source.file = file;
  if (!documents.empty()) tree.root.reset(documents[0]);
  if (!tree.root.IsMap()) refuse(file + ": expected a mapping, found " + seen(tree.root));
  check_tree(tree.root, tree.source, 0);
  return tree;
}

bool at_or_below(const std::string& path, const std::string& top) {
  return path.compare(0, top.size(), top) == 0 &&
         (path.size() == top.size() || path[top.size()] == '.' || path[top.size()] == '[');
}

/// The value at `path` comes from `origin`, whatever was known before.
void record(Origins& origins, const std::string& path, const std::string& origin) {
  for (auto entry = origins.begin(); entry != origins.end();)
    entry = at_or_below(entry->first, path) ? origins.erase(entry) : std::next(entry);
  origins[path] = origin;
}

std::optional<std::string> type_of(const YAML::Node& mapping) {
  const YAML::Node type = mapping["type"];
  if (!type.IsDefined() || !type.IsScalar()) return std::nullopt;
  return type.Scalar();
}

bool mergeable(const YAML::Node& base, const YAML::Node& own) {
  if (!base.IsMap() || !own.IsMap()) return false;
  const std::optional<std::string> own_type = type_of(own);
  return !own_type || own_type == type_of(base);
}

YAML::Node merge(const YAML::Node& base, const YAML::Node& own, const std::string& path,
                 const std::string& file, Origins& origins) {
  YAML::Node merged = shallow_copy(base);
  for (const auto& pair : own) {
    const std::string& key = pair.first.Scalar();
    const std::string below = path.empty() ? key : path + "." + key;
    const YAML::Node inherited = base[key];
    if (inherited.IsDefined() && mergeable(inherited, pair.second)) {
      merged[key] = merge(inherited, pair.second, below, file, origins);
    } else {
      merged.remove(key);
      merged[pair.first] = pair.second;
      record(origins, below, file);
    }
  }
  return merged;
}

Tree load_tree(const std::filesystem::path& file, std::vector<std::filesystem::path> chain);

std::vector<std::string> included_files(const Tree& tree) {
  const YAML::Node& root = tree.root;
  const YAML::Node include = root["include"];
  if (!include.IsDefined()) return {};
  std::vector<std::string> files;
  if (include.IsScalar()) {
    files.push_back(include.Scalar());
  } else {
    YAML::Node alone;
    alone["include"] = include;
    Fields().add("include", files, "files to take first").read(alone, tree.source);
  }
  return files;
}

Tree with_includes(Tree tree, const std::vector<std::filesystem::path>& chain) {
  const std::vector<std::string> files = included_files(tree);
  if (files.empty()) return tree;
  tree.root.remove("include");
  Tree result;
  result.source.file = tree.source.file;
  result.root = YAML::Node(YAML::NodeType::Map);
  auto origins = std::make_shared<Origins>();
  for (const std::string& name : files) {
    const Tree base = load_tree(chain.back().parent_path() / name, chain);
    result.root = merge(result.root, base.root, "", base.source.file, *origins);
    if (base.source.origins)
      for (const auto& [path, origin] : *base.source.origins) (*origins)[path] = origin;
  }
  result.root = merge(result.root, tree.root, "", tree.source.file, *origins);
  result.source.origins = origins;
  return result;
}

Tree load_tree(const std::filesystem::path& file, std::vector<std::filesystem::path> chain) {
  std::error_code problem;
  if (!std::filesystem::is_regular_file(file, problem))
    refuse(file.string() +
           (std::filesystem::exists(file, problem) ? ": not a file" : ": no such file"));
  const std::filesystem::path absolute = std::filesystem::canonical(file, problem);
  if (std::find(chain.begin(), chain.end(), absolute) != chain.end())
    refuse(file.string() + ": includes itself");
  chain.push_back(absolute);
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAllFromFile(file.string());
  } catch (const YAML::BadFile&) {
    refuse(file.string() + ": cannot be read");
  } catch (const YAML::Exception& error) {
    refuse_yaml(error, file.string());
  }
  return with_includes(checked(std::move(documents), file.string()), chain);
}

/// One step of a key: a name, or an index.
struct Step {
  std::string name;
  std::optional<std::size_t> index;
};

std::vector<Step> steps_of(const std::string& key, const std::string& origin) {
  const auto bad = [&]() { refuse(origin + ": '" + key + "' is not a key such as log.pages"); };
  std::vector<Step> steps;
  std::size_t at = 0;
  while (at < key.size()) {
    if (key[at] == '[') {
      const std::size_t close = key.find(']', at);
      const std::string digits = key.substr(at + 1, close - at - 1);
      if (close == std::string::npos || steps.empty() || digits.empty() || digits.size() > 9 ||
          digits.find_first_not_of("0123456789") != std::string::npos)
        bad();
      steps.push_back({"", std::stoul(digits)});
      at = close + 1;
    } else {
      if (!steps.empty() && key[at++] != '.') bad();
      const std::size_t end = std::min(key.find_first_of(".[", at), key.size());
      if (end == at) bad();
      steps.push_back({key.substr(at, end - at), std::nullopt});
      at = end;
    }
  }
  if (steps.empty()) bad();
  return steps;
}

/// The element of a list that a step counts or names.
std::size_t element_of(const YAML::Node& list, const Step& step, const std::string& path,
                       const std::string& origin) {
  if (step.index) {
    if (*step.index < list.size()) return *step.index;
    refuse(fmt::format("{}: {} has {} elements, the last is [{}]", origin, path, list.size(),
                       static_cast<std::ptrdiff_t>(list.size()) - 1));
  }
  std::vector<std::string> known;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const YAML::Node element = list[i];
    const YAML::Node name = element.IsMap() ? element["name"] : YAML::Node();
    if (!name.IsDefined() || !name.IsScalar()) continue;
    if (name.Scalar() == step.name) return i;
    known.push_back(name.Scalar());
  }
  refuse(origin + ": " + path + ": " + unknown_name("name", step.name, known));
}

/// `node` with the value at `steps` replaced; what it shared with others stays as it was.
YAML::Node replaced(const YAML::Node& node, std::span<const Step> steps, const YAML::Node& value,
                    std::string& path, const std::string& origin) {
  if (steps.empty()) return value;
  const Step& step = steps.front();
  const std::span<const Step> rest = steps.subspan(1);
  if (node.IsDefined() && node.IsSequence()) {
    const std::size_t index = element_of(node, step, path, origin);
    path += fmt::format("[{}]", index);
    YAML::Node list(YAML::NodeType::Sequence);
    for (std::size_t i = 0; i < node.size(); ++i)
      list.push_back(i == index ? replaced(node[i], rest, value, path, origin) : node[i]);
    return list;
  }
  if (node.IsDefined() && !node.IsNull() && !node.IsMap())
    refuse(origin + ": " + path + " is " + seen(node) + " and has no keys");
  if (step.index) refuse(origin + ": " + path + " is not a list");
  path += (path.empty() ? "" : ".") + step.name;
  YAML::Node mapping = shallow_copy(node);
  const YAML::Node inner = static_cast<const YAML::Node&>(mapping)[step.name];
  const YAML::Node next =
      replaced(inner.IsDefined() ? inner : YAML::Node(), rest, value, path, origin);
  mapping[step.name] = next;
  return mapping;
}

}  // namespace

Tree load_tree(const std::filesystem::path& file) { return load_tree(file, {}); }

Tree parse_tree(const std::string& text, const std::string& file) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(text);
  } catch (const YAML::Exception& error) {
    refuse_yaml(error, file);
  }
  Tree tree = checked(std::move(documents), file);
  if (static_cast<const YAML::Node&>(tree.root)["include"].IsDefined())
    refuse(file + ": include: not allowed here");
  return tree;
}

void set_value(Tree& tree, const std::string& key, const YAML::Node& value,
               const std::string& origin) {
  const std::vector<Step> steps = steps_of(key, origin);
  check_tree(value, Source{origin, key}, 0);
  std::string path;
  tree.root.reset(replaced(tree.root, steps, value, path, origin));
  auto origins = std::make_shared<Origins>();
  if (tree.source.origins) *origins = *tree.source.origins;
  record(*origins, path, origin);
  tree.source.origins = origins;
}

void set_assignment(Tree& tree, const std::string& assignment) {
  const std::string origin = "--set " + assignment;
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) refuse(origin + ": expected KEY=VALUE");
  YAML::Node value;
  try {
    value.reset(YAML::Load(assignment.substr(equals + 1)));
  } catch (const YAML::Exception& error) {
    refuse(origin + ": the value is not valid YAML: " + error.msg);
  }
  set_value(tree, assignment.substr(0, equals), value, origin);
}

YAML::Node child(const YAML::Node& node, const std::string& key) { return node[key]; }

YAML::Node shallow_copy(const YAML::Node& node) {
  YAML::Node copy(YAML::NodeType::Map);
  if (!node.IsDefined() || !node.IsMap()) return copy;
  for (const auto& pair : node) copy[pair.first] = pair.second;
  copy.SetStyle(node.Style());
  return copy;
}

void fill_defaults(YAML::Node node, const std::vector<FieldDescription>& fields) {
  for (const FieldDescription& field : fields) {
    const std::string below = field.name + ".";
    const bool group = std::any_of(fields.begin(), fields.end(), [&](const FieldDescription& f) {
      return f.name.compare(0, below.size(), below) == 0;
    });
    if (group) continue;  // its keys follow
    YAML::Node at;
    at.reset(node);
    std::string name = field.name;
    for (std::size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
      at.reset(at[name.substr(0, dot)]);
      name = name.substr(dot + 1);
    }
    if (!at[name].IsDefined()) at[name] = YAML::Load(field.default_value);
  }
}

}  // namespace rehearsal
