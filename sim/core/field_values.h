#pragma once

// Single values of configuration nodes, read and written: what sim/core/fields.cc is made of.

#include <yaml-cpp/yaml.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/core/fields.h"

namespace rehearsal::field_values {

/// "expected TYPE ALLOWED, found ...". Raises: Error(kInput), always.
[[noreturn]] void refuse_type(const YAML::Node& node, const Source& source,
                              const FieldDescription& field);

/// Raises (all readers): Error(kInput) for another type or a value that is not allowed.
double read_number(const YAML::Node& node, const Source& source, double low, double high,
                   const FieldDescription& field);
std::vector<double> read_numbers(const YAML::Node& node, const Source& source, double low,
                                 double high, const FieldDescription& field);
std::int64_t read_integer(const YAML::Node& node, const Source& source, std::int64_t low,
                          std::int64_t high, const FieldDescription& field);
std::string read_text_value(const YAML::Node& node, const Source& source,
                            const FieldDescription& field);
std::string read_choice(const YAML::Node& node, const Source& source,
                        const std::vector<std::string>& allowed, const FieldDescription& field);
std::optional<bool> parse_boolean(const YAML::Node& node);

/// How a range is written: "[0, 1]", ">= 0", "" when free.
std::string number_range(double low, double high);
std::string integer_range(std::int64_t low, std::int64_t high);

FieldDescription description(const std::string& name, const std::string& type,
                             const std::string& allowed, const std::string& help);

YAML::Node number_node(double value);
YAML::Node integer_node(std::int64_t value);
YAML::Node text_node(const std::string& value);
/// On one line, as in defaults.
std::string as_text(const YAML::Node& node);

/// Reads every element with `one(node, source)`.
template <class Value, class One>
void read_list(const YAML::Node& node, const Source& source, const FieldDescription& field,
               std::vector<Value>& out, One&& one) {
  if (!node.IsSequence()) refuse_type(node, source, field);
  std::vector<Value> values;
  for (std::size_t i = 0; i < node.size(); ++i) values.push_back(one(node[i], source.child(i)));
  out = std::move(values);
}

template <class Value, class One>
YAML::Node list_node(const std::vector<Value>& values, One&& one) {
  YAML::Node node(YAML::NodeType::Sequence);
  node.SetStyle(YAML::EmitterStyle::Flow);
  for (const Value& value : values) node.push_back(one(value));
  return node;
}

}  // namespace rehearsal::field_values
