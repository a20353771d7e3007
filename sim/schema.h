#pragma once

#include <string>
#include <vector>

#include "sim/core/types.h"

namespace rehearsal {

/// One column of RequestBatch::context.
struct Feature {
  std::string name;
  std::vector<std::string> levels;  // names of a category's values; empty: a standardised number
  std::string help;

  bool categorical() const { return !levels.empty(); }
};

/// What requests, modules and items look like: shared by worlds, policies and logs, and stored with
/// every log (manifest.json and catalogue.h5).
struct Schema {
  std::vector<Feature> features;           // (n_features)
  std::vector<std::string> modules;        // (n_modules) names
  std::vector<std::string> curated_order;  // the site's present module order, by name
  std::vector<std::string> item_features;  // names of the columns of items
  RowMatrixF items;                        // (n_items, n_item_features)
  std::vector<std::string>
      candidate_features;         // names of RequestBatch::candidate_context's columns
  std::uint16_t n_slots = 1;      // most modules a page shows
  std::uint16_t n_positions = 0;  // most items a module shows; 0: all it retrieves
  std::uint32_t n_items = 0;

  std::size_t n_features() const { return features.size(); }
  std::size_t n_candidate_features() const { return candidate_features.size(); }
  std::size_t n_modules() const { return modules.size(); }
  /// Raises: Error(kInput) naming the nearest and all known names.
  std::size_t feature_index(const std::string& name, const std::string& where = "") const;
  std::size_t module_index(const std::string& name, const std::string& where = "") const;
};

}  // namespace rehearsal
