#pragma once

// JSON files that stand beside shards. Used by sim/log/ only.

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "sim/core/error.h"
#include "sim/log/log.h"

namespace rehearsal {

/// What parse(json) makes of a file of this schema. Args: what: the file is, such as "a manifest".
/// Raises: Error(kInput) naming the file: missing, no JSON, of another schema, lacking a key.
template <class Parse>
auto read_json_file(const std::filesystem::path& file, const std::string& schema,
                    const std::string& what, Parse&& parse) {
  const std::string text = read_text(file);
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    const std::string found = json.at("schema");
    if (found != schema)
      throw Error(ErrorKind::kInput,
                  fmt::format("schema is '{}', this program reads '{}'", found, schema));
    return parse(json);
  } catch (const Error& error) {
    throw Error(ErrorKind::kInput, file.string() + ": " + error.what());
  } catch (const nlohmann::ordered_json::exception& error) {
    throw Error(ErrorKind::kInput,
                fmt::format("{}: is not {}: {}", file.string(), what, error.what()));
  }
}

}  // namespace rehearsal
