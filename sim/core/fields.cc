#include "sim/core/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>

#include "sim/core/error.h"
#include "sim/core/field_values.h"

namespace rehearsal {

using namespace field_values;

Fields& Fields::push(FieldDescription field,
                     std::function<void(const YAML::Node&, const Source&)> read,
                     std::function<YAML::Node()> write) {
  for (const Field& other : fields_) REHEARSAL_CHECK(other.description.name != field.name);
  field.default_value = as_text(write());
  fields_.push_back({std::move(field), std::move(read), std::move(write)});
  return *this;
}

Fields& Fields::add(const std::string& name, double& value, double low, double high,
                    const std::string& help) {
  const FieldDescription field = description(name, "a number", number_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        value = read_number(node, source, low, high, field);
      },
      [&value] { return number_node(value); });
}

Fields& Fields::add(const std::string& name, std::int64_t& value, std::int64_t low,
                    std::int64_t high, const std::string& help) {
  const FieldDescription field = description(name, "an integer", integer_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        value = read_integer(node, source, low, high, field);
      },
      [&value] { return integer_node(value); });
}

Fields& Fields::add(const std::string& name, bool& value, const std::string& help) {
  const FieldDescription field = description(name, "a boolean", "true or false", help);
  return push(
      field,
      [&value, field](const YAML::Node& node, const Source& source) {
        const std::optional<bool> read = parse_boolean(node);
        if (!read) refuse_type(node, source, field);
        value = *read;
      },
      [&value] { return YAML::Node(value ? "true" : "false"); });
}

Fields& Fields::add(const std::string& name, std::string& value, const std::string& help) {
  const FieldDescription field = description(name, "a text", "", help);
  return push(
      field,
      [&value, field](const YAML::Node& node, const Source& source) {
        value = read_text_value(node, source, field);
      },
      [&value] { return text_node(value); });
}

Fields& Fields::choice(const std::string& name, std::string& value,
                       std::vector<std::string> allowed, const std::string& help) {
  const FieldDescription field =
      description(name, "a text", fmt::format("one of {}", fmt::join(allowed, ", ")), help);
  return push(
      field,
      [&value, allowed = std::move(allowed), field](const YAML::Node& node, const Source& source) {
        value = read_choice(node, source, allowed, field);
      },
      [&value] { return text_node(value); });
}

Fields& Fields::add(const std::string& name, std::vector<double>& value, double low, double high,
                    const std::string& help) {
  const FieldDescription field =
      description(name, "a list of numbers", number_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        value = read_numbers(node, source, low, high, field);
      },
      [&value] { return list_node(value, number_node); });
}

Fields& Fields::add(const std::string& name, NumberOrList& value, double low, double high,
                    const std::string& help) {
  const FieldDescription field =
      description(name, "a number or a list of numbers", number_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        if (node.IsSequence())
          value = {read_numbers(node, source, low, high, field), true};
        else
          value = {{read_number(node, source, low, high, field)}, false};
      },
      [&value] {
        return value.is_list ? list_node(value.values, number_node) : number_node(value.values[0]);
      });
}

Fields& Fields::add(const std::string& name, std::vector<std::vector<double>>& value, double low,
                    double high, const std::string& help) {
  const FieldDescription field =
      description(name, "a list of lists of numbers", number_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        read_list(node, source, field, value, [&](const YAML::Node& one, const Source& at) {
          return read_numbers(one, at, low, high,
                              description("", "a list of numbers", field.allowed, field.help));
        });
      },
      [&value] {
        return list_node(
            value, [](const std::vector<double>& row) { return list_node(row, number_node); });
      });
}

Fields& Fields::add(const std::string& name, std::vector<std::int64_t>& value, std::int64_t low,
                    std::int64_t high, const std::string& help) {
  const FieldDescription field =
      description(name, "a list of integers", integer_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        read_list(node, source, field, value, [&](const YAML::Node& one, const Source& at) {
          return read_integer(one, at, low, high,
                              description("", "an integer", field.allowed, field.help));
        });
      },
      [&value] { return list_node(value, integer_node); });
}

Fields& Fields::add(const std::string& name, std::vector<std::string>& value,
                    const std::string& help) {
  const FieldDescription field = description(name, "a list of texts", "", help);
  return push(
      field,
      [&value, field](const YAML::Node& node, const Source& source) {
        read_list(node, source, field, value, [&](const YAML::Node& one, const Source& at) {
          return read_text_value(one, at, description("", "a text", "", field.help));
        });
      },
      [&value] { return list_node(value, text_node); });
}

Fields& Fields::add_list_or(const std::string& name, std::vector<std::string>& value,
                            std::vector<std::string> words, const std::string& help) {
  const FieldDescription field = description(
      name, "a list of texts", fmt::format("or one of {} alone", fmt::join(words, ", ")), help);
  return push(
      field,
      [&value, words, field](const YAML::Node& node, const Source& source) {
        if (node.IsScalar()) {
          value = {read_choice(node, source, words, field)};
          return;
        }
        read_list(node, source, field, value, [&](const YAML::Node& one, const Source& at) {
          return read_text_value(one, at, description("", "a text", "", field.help));
        });
      },
      [&value, words] {
        const bool word =
            value.size() == 1 && std::find(words.begin(), words.end(), value[0]) != words.end();
        return word ? text_node(value[0]) : list_node(value, text_node);
      });
}

Fields& Fields::choices(const std::string& name, std::vector<std::string>& value,
                        std::vector<std::string> allowed, const std::string& help) {
  const FieldDescription field = description(
      name, "a list of texts", fmt::format("each one of {}", fmt::join(allowed, ", ")), help);
  return push(
      field,
      [&value, allowed = std::move(allowed), field](const YAML::Node& node, const Source& source) {
        read_list(node, source, field, value, [&](const YAML::Node& one, const Source& at) {
          return read_choice(one, at, allowed, description("", "a text", "", field.help));
        });
      },
      [&value] { return list_node(value, text_node); });
}

Fields& Fields::add(const std::string& name, std::map<std::string, double>& value, double low,
                    double high, const std::string& help) {
  const FieldDescription field =
      description(name, "a mapping of names to numbers", number_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        if (!node.IsMap()) refuse_type(node, source, field);
        check_mapping(node, source);
        std::map<std::string, double> values;
        for (const auto& pair : node) {
          const std::string& key = pair.first.Scalar();
          values[key] = read_number(pair.second, source.child(key), low, high,
                                    description("", "a number", field.allowed, field.help));
        }
        value = std::move(values);
      },
      [&value] {
        YAML::Node node(YAML::NodeType::Map);
        node.SetStyle(YAML::EmitterStyle::Flow);
        for (const auto& [key, number] : value) node[key] = number_node(number);
        return node;
      });
}

Fields& Fields::group(const std::string& name, Fields nested, const std::string& help) {
  nested_[name] = nested.describe();
  auto table = std::make_shared<Fields>(std::move(nested));
  return push(
      description(name, "a mapping", "", help),
      [table](const YAML::Node& node, const Source& source) { table->read(node, source); },
      [table] { return table->resolved(); });
}

Fields& Fields::mappings(const std::string& name, YAML::Node& value, const std::string& help) {
  const FieldDescription field = description(name, "a list of mappings", "", help);
  value = YAML::Node(YAML::NodeType::Sequence);
  value.SetStyle(YAML::EmitterStyle::Flow);
  return push(
      field,
      [&value, field](const YAML::Node& node, const Source& source) {
        if (!node.IsSequence()) refuse_type(node, source, field);
        for (std::size_t i = 0; i < node.size(); ++i)
          if (!node[i].IsMap())
            refuse_type(node[i], source.child(i), description("", "a mapping", "", ""));
        value.reset(node);
      },
      [&value] { return YAML::Clone(value); });
}

void Fields::read(const YAML::Node& node, const Source& source,
                  const std::vector<std::string>& ignored) {
  check_mapping(node, source);
  if (!node.IsDefined() || node.IsNull()) return;
  std::vector<std::string> known = ignored;
  for (const Field& field : fields_) known.push_back(field.description.name);
  for (const auto& pair : node) {
    const std::string& key = pair.first.Scalar();
    if (std::find(ignored.begin(), ignored.end(), key) != ignored.end()) continue;
    const auto field = std::find_if(fields_.begin(), fields_.end(), [&](const Field& candidate) {
      return candidate.description.name == key;
    });
    if (field == fields_.end())
      refuse_at(pair.first, source.child(key), unknown_name("key", key, known));
    field->read(pair.second, source.child(key));
  }
}

YAML::Node Fields::resolved() const {
  YAML::Node node(YAML::NodeType::Map);
  for (const Field& field : fields_) node[field.description.name] = field.write();
  return node;
}

std::vector<FieldDescription> Fields::describe() const {
  std::vector<FieldDescription> all;
  for (const Field& field : fields_) {
    all.push_back(field.description);
    const auto nested = nested_.find(field.description.name);
    if (nested == nested_.end()) continue;
    for (FieldDescription inner : nested->second) {
      inner.name = field.description.name + "." + inner.name;
      all.push_back(std::move(inner));
    }
  }
  return all;
}

}  // namespace rehearsal
