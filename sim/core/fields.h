#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace YAML {
class Node;
}

namespace rehearsal {

/// Where a configuration node came from, for messages: the file (or "--set key=value") and the path
/// of keys down to the node, such as "policies[2].train".
struct Source {
  std::string file;
  std::string path;
  /// Paths whose values came from elsewhere ("log.pages": "--set log.pages=9", or an included
  /// file); they hold for everything below the path. May be null.
  std::shared_ptr<const std::map<std::string, std::string>> origins{};

  /// The place of a key, or of element `index`, of this mapping or list.
  Source child(const std::string& key) const;
  Source child(std::size_t index) const;
};

/// "FILE:LINE:COLUMN: PATH" of a node, as far as known: the start of every message about input.
std::string where(const YAML::Node& node, const Source& source);

/// Raises: Error(kInput), the place in front of the message.
[[noreturn]] void refuse_at(const YAML::Node& node, const Source& source,
                            const std::string& message);
/// What stands at a node, for messages: "'text'", "a list", "nothing".
std::string seen(const YAML::Node& node);

/// Raises: Error(kInput) unless `node` is a mapping with text keys, none of them twice. An empty
/// value counts as an empty mapping.
void check_mapping(const YAML::Node& node, const Source& source);

/// "unknown KIND 'name'; did you mean 'near'? Known: a, b": the end of every message about a name.
std::string unknown_name(const std::string& kind, const std::string& name,
                         const std::vector<std::string>& known);

/// What a field is, for help, the schema and the docs.
struct FieldDescription {
  std::string name;
  std::string type;           // "number", "integer", "boolean", "text", "list of numbers", ...
  std::string default_value;  // as YAML
  std::string allowed;        // "[0, 1]", "one of a, b", "" when free
  std::string help;
};

/// The field table of a plain configuration struct: binds YAML keys to its members and gives
/// parsing, range checks, help and the resolved YAML from one place.
///   struct PbmConfig {
///     double eta = 1.0;
///     Fields fields() { return Fields().add("eta", eta, 0, 10, "decay of examination"); }
///   };
/// The members must outlive the table.
class Fields {
 public:
  Fields& add(const std::string& name, double& value, double low, double high,
              const std::string& help);
  Fields& add(const std::string& name, std::int64_t& value, std::int64_t low, std::int64_t high,
              const std::string& help);
  Fields& add(const std::string& name, bool& value, const std::string& help);
  Fields& add(const std::string& name, std::string& value, const std::string& help);
  /// A text that must be one of `allowed`.
  Fields& choice(const std::string& name, std::string& value, std::vector<std::string> allowed,
                 const std::string& help);
  Fields& add(const std::string& name, std::vector<double>& value, double low, double high,
              const std::string& help);
  /// A list of lists of numbers, such as [[1], [0.8, 0.95]].
  Fields& add(const std::string& name, std::vector<std::vector<double>>& value, double low,
              double high, const std::string& help);
  Fields& add(const std::string& name, std::vector<std::int64_t>& value, std::int64_t low,
              std::int64_t high, const std::string& help);
  Fields& add(const std::string& name, std::vector<std::string>& value, const std::string& help);
  /// A list of texts, or one of `words` alone, kept as a list of that one word.
  Fields& add_list_or(const std::string& name, std::vector<std::string>& value,
                      std::vector<std::string> words, const std::string& help);
  /// A list of texts, each one of `allowed`.
  Fields& choices(const std::string& name, std::vector<std::string>& value,
                  std::vector<std::string> allowed, const std::string& help);
  /// A map from names to numbers, such as {curated: 0.95, random: 0.05}.
  Fields& add(const std::string& name, std::map<std::string, double>& value, double low,
              double high, const std::string& help);
  /// A nested mapping with a table of its own.
  Fields& group(const std::string& name, Fields nested, const std::string& help);

  /// Reads a mapping into the bound members; keys that are absent keep their defaults.
  /// `ignored` are keys that belong to the reader of the enclosing mapping ("name", "type").
  /// Raises: Error(kInput) for an unknown key (naming the nearest), a wrong type, a value out of
  /// range, a duplicate key or a NaN, with file, line, column and key.
  void read(const YAML::Node& node, const Source& source,
            const std::vector<std::string>& ignored = {});
  /// The members' present values as a mapping, every key written.
  YAML::Node resolved() const;
  std::vector<FieldDescription> describe() const;

 private:
  struct Field {
    FieldDescription description;
    std::function<void(const YAML::Node&, const Source&)> read;
    std::function<YAML::Node()> write;
  };
  Fields& push(FieldDescription description,
               std::function<void(const YAML::Node&, const Source&)> read,
               std::function<YAML::Node()> write);

  std::vector<Field> fields_;
  std::map<std::string, std::vector<FieldDescription>> nested_;
};

/// A plug-in's own mapping in a configuration file, with "name" and "type" already taken out.
struct PluginConfig {
  const YAML::Node& node;
  Source source;  // of the mapping

  /// Reads it into `config` and checks it. Config has a member `Fields fields()`.
  template <class Config>
  Config read() const {
    Config config;
    config.fields().read(node, source, {"name", "type"});
    return config;
  }
  /// Error(kInput) with this place in front: for what ranges cannot say.
  [[noreturn]] void refuse(const std::string& key, const std::string& message) const;
};

/// The descriptions of a configuration struct's fields, from its defaults.
template <class Config>
std::vector<FieldDescription> describe_fields() {
  Config config;
  return config.fields().describe();
}

}  // namespace rehearsal
