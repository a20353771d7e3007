#include "scenarios/import/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

/// The whole text as a number; false when it is none.
template <class T>
bool parse(const std::string& text, T* value) {
  const char* end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && last == end;
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& file) : name_(file.string()), in_(file) {
  if (!in_ || std::filesystem::is_directory(file))
    throw Error(ErrorKind::kInput, fmt::format("{}: cannot read: {}", name_, std::strerror(errno)));
  if (!read_row()) throw Error(ErrorKind::kInput, name_ + ": is empty, expected a header line");
  header_ = fields_;
  if (header_[0].starts_with("\xEF\xBB\xBF")) header_[0].erase(0, 3);
}

bool CsvReader::has(const std::string& name) const {
  return std::find(header_.begin(), header_.end(), name) != header_.end();
}

std::size_t CsvReader::column(const std::string& name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found == header_.end()) {
    std::string known;
    for (const std::string& column : header_) known += (known.empty() ? "'" : ", '") + column + "'";
    throw Error(ErrorKind::kInput,
                fmt::format("{}:1: the column '{}' is missing; there are: {}", name_, name, known));
  }
  return static_cast<std::size_t>(found - header_.begin());
}

bool CsvReader::read_row() {
  line_ = next_line_;
  fields_.assign(1, "");
  bool quoted = false;
  bool any = false;
  for (int c = in_.get(); c != std::char_traits<char>::eof(); c = in_.get()) {
    any = true;
    if (c == '\n') ++next_line_;
    if (quoted) {
      if (c == '"' && in_.peek() == '"')
        fields_.back() += static_cast<char>(in_.get());
      else if (c == '"')
        quoted = false;
      else
        fields_.back() += static_cast<char>(c);
    } else if (c == '"' && fields_.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields_.emplace_back();
    } else if (c == '\n') {
      return true;
    } else if (c != '\r' || in_.peek() != '\n') {
      fields_.back() += static_cast<char>(c);
    }
  }
  if (in_.bad()) refuse_row("cannot read");
  if (quoted) refuse_row("a quote is not closed");
  return any;
}

bool CsvReader::next() {
  if (!read_row()) return false;
  if (fields_.size() != header_.size())
    refuse_row(fmt::format("has {} fields, the header has {}", fields_.size(), header_.size()));
  return true;
}

void CsvReader::refuse_row(const std::string& message) const {
  throw Error(ErrorKind::kInput, fmt::format("{}:{}: {}", name_, line_, message));
}

void CsvReader::refuse(std::size_t column, const std::string& message) const {
  refuse_row(fmt::format("{}: '{}': {}", header_[column], fields_[column], message));
}

double CsvReader::number(std::size_t column) const {
  double value = 0;
  if (!parse(fields_[column], &value) || !std::isfinite(value)) refuse(column, "expected a number");
  return value;
}

std::int64_t CsvReader::integer(std::size_t column, std::int64_t low, std::int64_t high) const {
  std::int64_t value = 0;
  if (!parse(fields_[column], &value) || value < low || value > high)
    refuse(column, fmt::format("expected a whole number from {} to {}", low, high));
  return value;
}

}  // namespace rehearsal
