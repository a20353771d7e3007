#pragma once

#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <string>

#include "sim/core/fields.h"

namespace rehearsal {

/// A configuration file as read, with its includes merged in; `source` knows where each value came
/// from.
struct Tree {
  YAML::Node root;
  Source source;
};

/// Reads a file. `include: FILE` (or a list of files, relative to this one) is taken first and what
/// stands in this file goes over it: mappings merge key by key, unless their `type` differs;
/// everything else is replaced.
/// Raises: Error(kInput) for a missing file, bad YAML, a duplicate key, a circle of includes.
Tree load_tree(const std::filesystem::path& file);

/// As load_tree, of a text; `include` is refused.
Tree parse_tree(const std::string& text, const std::string& file);

/// Sets one value. Mappings on the way are made where absent.
/// Args: key: "log.pages", "policies[2].train.epochs"; an element of a list of mappings may be
///       named instead of counted: "policies.dnn_click.train.epochs".
///       origin: where the value came from, for messages.
/// Raises: Error(kInput) when the key leads nowhere.
void set_value(Tree& tree, const std::string& key, const YAML::Node& value,
               const std::string& origin);

/// Sets "KEY=VALUE", VALUE in YAML, as `--set` gives it.
void set_assignment(Tree& tree, const std::string& assignment);

/// What stands under a key, undefined where it is absent. The mapping stays as it is.
YAML::Node child(const YAML::Node& node, const std::string& key);

/// A mapping with the same keys and values, which may be changed without changing the first.
YAML::Node shallow_copy(const YAML::Node& node);

/// Adds the defaults of all keys that are absent, nested ones too.
void fill_defaults(YAML::Node node, const std::vector<FieldDescription>& fields);

}  // namespace rehearsal
