#pragma once

#include <string>
#include <vector>

#include "sim/policy.h"

namespace rehearsal {

/// A policy that orders modules by a value of each alone, which a re-ranker may start from.
class ModuleValues {
 public:
  virtual ~ModuleValues() = default;
  /// Returns: one an eligible module, all requests, finite: the more, the better.
  virtual std::vector<double> module_values(const RequestBatch& requests) const = 0;
};

/// The values of a policy named before. Args: name: for the message; key: that names it.
/// Raises: Error(kInput) for an unknown policy and one that has no values.
const ModuleValues& values_of(const std::string& name, const std::string& key,
                              const PluginConfig& config, const PolicyContext& context);

}  // namespace rehearsal
