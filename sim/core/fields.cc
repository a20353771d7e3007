#include "sim/core/fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

[[noreturn]] void refuse_type(const YAML::Node& node, const Source& source,
                              const FieldDescription& field) {
  std::string expected = field.type;
  if (!field.allowed.empty()) expected += " " + field.allowed;
  refuse_at(node, source, "expected " + expected + ", found " + seen(node));
}

/// A plain (unquoted) scalar's text.
std::optional<std::string> plain(const YAML::Node& node) {
  if (!node.IsScalar() || node.Tag() == "!") return std::nullopt;
  return node.Scalar();
}

std::optional<double> parse_number(const YAML::Node& node) {
  const std::optional<std::string> text = plain(node);
  if (!text) return std::nullopt;
  const char* begin = text->data();
  const char* end = begin + text->size();
  if (begin != end && *begin == '+') ++begin;
  if (std::string(begin, end) == ".inf") return std::numeric_limits<double>::infinity();
  if (std::string(begin, end) == "-.inf") return -std::numeric_limits<double>::infinity();
  double value = 0;
  const auto [rest, problem] = std::from_chars(begin, end, value);
  // "nan" and "inf" parse too, but are no numbers in YAML.
  if (problem != std::errc() || rest != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(const YAML::Node& node) {
  const std::optional<std::string> text = plain(node);
  if (!text) return std::nullopt;
  const char* begin = text->data();
  const char* end = begin + text->size();
  if (begin != end && *begin == '+') ++begin;
  std::int64_t value = 0;
  const auto [rest, problem] = std::from_chars(begin, end, value);
  if (problem == std::errc() && rest == end) return value;
  // 1e6 is a whole number too.
  const std::optional<double> number = parse_number(node);
  if (number && *number == std::floor(*number) && std::abs(*number) <= 0x1p53)
    return static_cast<std::int64_t>(*number);
  return std::nullopt;
}

std::optional<bool> parse_boolean(const YAML::Node& node) {
  const std::optional<std::string> text = plain(node);
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

/// As YAML reads it back, bit for bit.
std::string number_text(double value) {
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  return fmt::format("{}", value);
}

template <class Number>
std::string range_text(Number low, Number high, Number lowest, Number highest) {
  const auto text = [](Number value) {
    if constexpr (std::is_same_v<Number, double>) return number_text(value);
    return fmt::format("{}", value);
  };
  if (low <= lowest && high >= highest) return "";
  if (high >= highest) return ">= " + text(low);
  if (low <= lowest) return "<= " + text(high);
  return "[" + text(low) + ", " + text(high) + "]";
}

std::string number_range(double low, double high) {
  constexpr double kMost = std::numeric_limits<double>::max();
  return range_text(low, high, -kMost, kMost);
}

std::string integer_range(std::int64_t low, std::int64_t high) {
  using Limits = std::numeric_limits<std::int64_t>;
  return range_text(low, high, Limits::min(), Limits::max());
}

double read_number(const YAML::Node& node, const Source& source, double low, double high,
                   const FieldDescription& field) {
  const std::optional<double> value = parse_number(node);
  if (!value || *value < low || *value > high) refuse_type(node, source, field);
  return *value;
}

std::int64_t read_integer(const YAML::Node& node, const Source& source, std::int64_t low,
                          std::int64_t high, const FieldDescription& field) {
  const std::optional<std::int64_t> value = parse_integer(node);
  if (!value || *value < low || *value > high) refuse_type(node, source, field);
  return *value;
}

std::string read_text_value(const YAML::Node& node, const Source& source,
                            const FieldDescription& field) {
  if (!node.IsScalar()) refuse_type(node, source, field);
  return node.Scalar();
}

std::string read_choice(const YAML::Node& node, const Source& source,
                        const std::vector<std::string>& allowed, const FieldDescription& field) {
  const std::string text = read_text_value(node, source, field);
  if (std::find(allowed.begin(), allowed.end(), text) == allowed.end())
    refuse_at(node, source, unknown_name("value", text, allowed));
  return text;
}

FieldDescription description(const std::string& name, const std::string& type,
                             const std::string& allowed, const std::string& help) {
  return FieldDescription{name, type, "", allowed, help};
}

/// Of one element of a list or mapping.
FieldDescription element(const std::string& type, const FieldDescription& field) {
  return description("", type, field.allowed, field.help);
}

/// Reads every element with `one(node, source)`.
template <class Value, class One>
void read_list(const YAML::Node& node, const Source& source, const FieldDescription& field,
               std::vector<Value>& out, One&& one) {
  if (!node.IsSequence()) refuse_type(node, source, field);
  std::vector<Value> values;
  for (std::size_t i = 0; i < node.size(); ++i) values.push_back(one(node[i], source.child(i)));
  out = std::move(values);
}

std::vector<double> read_numbers(const YAML::Node& node, const Source& source, double low,
                                 double high, const FieldDescription& field) {
  std::vector<double> values;
  read_list(node, source, field, values, [&](const YAML::Node& one, const Source& at) {
    return read_number(one, at, low, high, element("a number", field));
  });
  return values;
}

YAML::Node number_node(double value) { return YAML::Node(number_text(value)); }

YAML::Node integer_node(std::int64_t value) { return YAML::Node(fmt::format("{}", value)); }

template <class Value, class One>
YAML::Node list_node(const std::vector<Value>& values, One&& one) {
  YAML::Node node(YAML::NodeType::Sequence);
  node.SetStyle(YAML::EmitterStyle::Flow);
  for (const Value& value : values) node.push_back(one(value));
  return node;
}

std::string as_text(const YAML::Node& node) {
  YAML::Emitter emitter;
  emitter.SetMapFormat(YAML::Flow);
  emitter.SetSeqFormat(YAML::Flow);
  emitter << node;
  return emitter.c_str();
}

YAML::Node text_node(const std::string& value) { return YAML::Node(value); }

}  // namespace

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

Fields& Fields::add(const std::string& name, std::vector<std::vector<double>>& value, double low,
                    double high, const std::string& help) {
  const FieldDescription field =
      description(name, "a list of lists of numbers", number_range(low, high), help);
  return push(
      field,
      [&value, low, high, field](const YAML::Node& node, const Source& source) {
        read_list(node, source, field, value, [&](const YAML::Node& one, const Source& at) {
          return read_numbers(one, at, low, high, element("a list of numbers", field));
        });
      },
      [&value] {
        return list_node(value, [](const auto& row) { return list_node(row, number_node); });
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
          return read_integer(one, at, low, high, element("an integer", field));
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
          values[key] =
              read_number(pair.second, source.child(key), low, high, element("a number", field));
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
