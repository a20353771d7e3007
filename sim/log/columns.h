#pragma once

// How batches lie in a shard: shared by the log's writer, its reader and its documentation.
// Used by sim/log/*.cc only.

#include <array>
#include <string>
#include <type_traits>
#include <vector>

#include "sim/batch.h"
#include "sim/log/hdf5_file.h"

namespace rehearsal::log_format {

inline constexpr const char* kSchema = "rehearsal.log/1";
inline constexpr const char* kManifest = "manifest.json";
inline constexpr const char* kCatalogue = "catalogue.h5";
inline constexpr const char* kVirtualLog = "log.h5";
inline const std::string kObserved = "/observed";
inline const std::string kTruth = "/truth";

/// Rows of each level, indexed by Level.
using Rows = std::array<std::size_t, 5>;
inline std::size_t rows_of(const Rows& rows, Level level) {
  return rows[static_cast<std::size_t>(level)];
}

/// Ragged levels are stored as counts a parent row, never as offsets: counts concatenate.
struct Count {
  const char* name;
  Level parent;
  Level child;
  hdf5::Number number;
  const char* help;
};
inline constexpr Count kNModules{"n_modules", Level::kRound, Level::kModule, hdf5::Number::kU16,
                                 "eligible modules of the round"};
inline constexpr Count kNCandidates{"n_candidates", Level::kModule, Level::kCandidate,
                                    hdf5::Number::kU32, "items retrieved for the eligible module"};
inline constexpr Count kNSlotsShown{"n_slots_shown", Level::kRound, Level::kSlot,
                                    hdf5::Number::kU16, "modules shown on the page"};
inline constexpr Count kNItems{"n_items", Level::kSlot, Level::kItem, hdf5::Number::kU32,
                               "items shown in the module"};

/// Columns with one row a level entry and several values in it: (n, width) even when width is 1.
inline bool is_matrix(const std::string& name) {
  return name == "context" || name == "candidate_context" || name == "latents";
}

template <class Column>
constexpr hdf5::Number number_of_column() {
  return hdf5::number_of<typename std::remove_cvref_t<Column>::value_type>();
}

/// Attributes that every file of a log carries.
template <class Info>
void write_attributes(hdf5::Image& image, const Info& info) {
  image.attribute("/", "schema", kSchema);
  image.attribute("/", "name", info.name);
  image.attribute("/", "version", info.version);
  image.attribute("/", "seed", info.seed);
  image.attribute("/", "behavior_policy", info.behavior_policy);
  image.attribute("/", "scenario", info.scenario);
}

}  // namespace rehearsal::log_format
