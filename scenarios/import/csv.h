#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace rehearsal {

/// Reads a CSV file with a header line, row by row (RFC 4180: quoted fields may hold commas, quotes
/// and line breaks). Every error names file and line.
class CsvReader {
 public:
  /// Raises: Error(kInput) when the file cannot be read or has no header.
  explicit CsvReader(const std::filesystem::path& file);

  /// The column of this name. Raises: Error(kInput) with the columns that are there.
  std::size_t column(const std::string& name) const;
  bool has(const std::string& name) const;

  /// Goes to the next row. Returns: false at the end of the file.
  /// Raises: Error(kInput) for a row with another number of fields or an open quote.
  bool next();
  /// The line on which the present row starts, from 1.
  std::size_t line() const { return line_; }

  const std::string& text(std::size_t column) const { return fields_[column]; }
  /// Raises: Error(kInput) for what is not a finite number.
  double number(std::size_t column) const;
  /// Raises: Error(kInput) for what is not a whole number in [low, high].
  std::int64_t integer(std::size_t column, std::int64_t low, std::int64_t high) const;
  /// "FILE:LINE: COLUMN: 'VALUE': message" as Error(kInput).
  [[noreturn]] void refuse(std::size_t column, const std::string& message) const;

 private:
  bool read_row();
  [[noreturn]] void refuse_row(const std::string& message) const;

  std::string name_;
  std::ifstream in_;
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
  std::size_t line_ = 0;
  std::size_t next_line_ = 1;
};

}  // namespace rehearsal
