#include "sim/core/field_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace rehearsal::field_values {

namespace {

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

}  // namespace

void refuse_type(const YAML::Node& node, const Source& source, const FieldDescription& field) {
  std::string expected = field.type;
  if (!field.allowed.empty()) expected += " " + field.allowed;
  refuse_at(node, source, "expected " + expected + ", found " + seen(node));
}

std::optional<bool> parse_boolean(const YAML::Node& node) {
  const std::optional<std::string> text = plain(node);
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
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

std::vector<double> read_numbers(const YAML::Node& node, const Source& source, double low,
                                 double high, const FieldDescription& field) {
  std::vector<double> values;
  read_list(node, source, field, values, [&](const YAML::Node& one, const Source& at) {
    return read_number(one, at, low, high, description("", "a number", field.allowed, field.help));
  });
  return values;
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

YAML::Node number_node(double value) {
  YAML::Node node(number_text(value));
  return node;
}

YAML::Node integer_node(std::int64_t value) { return YAML::Node(fmt::format("{}", value)); }

std::string as_text(const YAML::Node& node) {
  YAML::Emitter emitter;
  emitter.SetMapFormat(YAML::Flow);
  emitter.SetSeqFormat(YAML::Flow);
  emitter << node;
  return emitter.c_str();
}

FieldDescription description(const std::string& name, const std::string& type,
                             const std::string& allowed, const std::string& help) {
  return FieldDescription{name, type, "", allowed, help};
}

YAML::Node text_node(const std::string& value) { return YAML::Node(value); }

}  // namespace rehearsal::field_values
