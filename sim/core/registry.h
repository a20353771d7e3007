#pragma once

#include <string>
#include <vector>

#include "sim/core/error.h"

namespace rehearsal {

/// The written-out table of one kind of plug-in. An entry has `name`, `summary`, `source` (the
/// paper, or "this project") and `describe` (its fields). Refuses duplicates and empty docs.
template <class Entry>
class Registry {
 public:
  Registry(std::string kind, std::vector<Entry> entries)
      : kind_(std::move(kind)), entries_(std::move(entries)) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[i];
      REHEARSAL_CHECK(!entry.name.empty() && !entry.summary.empty() && !entry.source.empty());
      for (std::size_t j = 0; j < i; ++j) REHEARSAL_CHECK(entries_[j].name != entry.name);
    }
  }

  const std::string& kind() const { return kind_; }
  const std::vector<Entry>& entries() const { return entries_; }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const Entry& entry : entries_) names.push_back(entry.name);
    return names;
  }

  const Entry* find(const std::string& name) const {
    for (const Entry& entry : entries_)
      if (entry.name == name) return &entry;
    return nullptr;
  }

  /// Args: where: "FILE:LINE:COLUMN: KEY" for the message, or "".
  /// Raises: Error(kInput) for an unknown name, naming the nearest and all known ones.
  const Entry& at(const std::string& name, const std::string& where = "") const {
    if (const Entry* entry = find(name)) return *entry;
    std::string message = where.empty() ? "" : where + ": ";
    message += "unknown " + kind_ + " '" + name + "'";
    const std::string near = nearest_name(name, names());
    if (!near.empty()) message += "; did you mean '" + near + "'?";
    message += " Known: ";
    for (std::size_t i = 0; i < entries_.size(); ++i)
      message += (i > 0 ? ", " : "") + entries_[i].name;
    throw Error(ErrorKind::kInput, message);
  }

 private:
  std::string kind_;
  std::vector<Entry> entries_;
};

}  // namespace rehearsal
