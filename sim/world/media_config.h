#pragma once

#include <cstdint>

#include "sim/core/fields.h"

namespace rehearsal {

/// A domain of media. Domains with the same seed, users, items, artists, dimensions and artist
/// share have the same users and items.
struct MediaConfig {
  std::int64_t users = 500;
  std::int64_t items = 500;
  std::int64_t artists = 100;
  std::int64_t dimensions = 7;
  double artist_share = 0.3;
  std::int64_t observed = 3;
  double signal = 0.5;
  std::int64_t visit_features = 0;
  bool mood = false;
  double mood_signal = 0.95;
  bool history = true;
  std::int64_t modules = 1;
  std::int64_t slots = 1;
  std::int64_t candidates = 10;
  std::int64_t positions = 1;
  std::int64_t days = 14;
  std::int64_t visit_days = 1;
  double new_items = 0;
  double new_candidates = 0;
  std::int64_t new_days = 28;

  Fields fields();
  /// What ranges cannot say. Raises: Error(kInput).
  void check(const PluginConfig& plugin) const;

  std::int64_t n_new() const { return static_cast<std::int64_t>(new_items * double(items)); }
  std::int64_t n_retrieved() const { return modules * candidates; }
};

}  // namespace rehearsal
