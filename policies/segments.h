#pragma once

#include <span>
#include <string>
#include <vector>

#include "sim/core/fields.h"
#include "sim/schema.h"

namespace rehearsal {

/// Groups of requests with equal categories: the product of some categorical features. Without
/// features, everyone is in segment 0.
class Segments {
 public:
  /// Args: names: categorical features.  config: of the policy, for messages about `segments`.
  /// Raises: Error(kInput) for a feature that is unknown, a number or named twice, and for more
  /// than 100,000 segments.
  Segments(const Schema& schema, const std::vector<std::string>& names, const PluginConfig& config);

  std::size_t size() const { return size_; }
  /// Args: context: (n_features) of one request, categories checked.
  /// Returns: in [0, size()); the last feature runs fastest.
  std::size_t index(std::span<const float> context) const {
    std::size_t index = 0;
    for (const Part& part : parts_)
      index = index * part.n_levels + static_cast<std::size_t>(context[part.feature]);
    return index;
  }

 private:
  struct Part {
    std::size_t feature = 0;
    std::size_t n_levels = 0;
  };
  std::vector<Part> parts_;
  std::size_t size_ = 1;
};

}  // namespace rehearsal
