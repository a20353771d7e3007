#pragma once

#include <memory>
#include <vector>

#include "sim/core/fields.h"
#include "sim/policy.h"
#include "sim/slate/rules.h"

// Business rules on pages: what every orderer of modules can be held to.
namespace rehearsal {

/// The key `constraints` of any policy.
struct ConstraintsConfig {
  std::int64_t max_sponsored = -1;
  std::vector<std::string> sponsored;
  std::map<std::string, double> pinned;
  Fields fields();
};

/// What the rules say of a site's modules.
class PageRules {
 public:
  /// Raises: Error(kInput) for a module that is not there, a slot that is none or taken twice, a
  /// limit without sponsored modules or below the number of those that are pinned.
  PageRules(const ConstraintsConfig& config, const PluginConfig& given, const Schema& schema);

  /// Of these requests' eligible modules.
  std::shared_ptr<const SlateRules> of(const RequestBatch& requests) const;

 private:
  std::vector<std::uint16_t> slot_;      // (n_modules) pinned at, SlateRules::kFree
  std::vector<std::uint8_t> sponsored_;  // (n_modules) whether a limit counts them
  std::size_t most_ = 0;
};

/// A policy that searches for its page or places it step by step: it must know the rules itself, as
/// the best page under rules is not the best page without them, changed.
class KnowsRules {
 public:
  virtual ~KnowsRules() = default;
  virtual void set_rules(std::shared_ptr<const PageRules> rules) = 0;
};

/// The policy held to the rules: it knows them, or else draws an order of all eligible modules as
/// ever, and each slot takes the first that may stand there (sim/slate/rules.h). Args: name: the
/// policy's. Its distribution() raises Error(kInput) where that has no exact probabilities.
std::shared_ptr<Policy> held_to(std::shared_ptr<const PageRules> rules,
                                std::shared_ptr<Policy> policy, std::string name);

}  // namespace rehearsal
