#pragma once

#include "sim/policy.h"

namespace rehearsal {

/// Every policy, one line each.
const Registry<PolicyEntry>& policies();
/// Every ranker of items inside a module.
const Registry<RankerEntry>& rankers();

/// A saved policy is a folder: policy.yaml (name, type and resolved configuration) and, when it
/// learnt something, state.h5.
void save_policy(const Policy& policy, const std::string& yaml,
                 const std::filesystem::path& folder);
/// Raises: Error(kInput) for a missing or damaged file or one that does not fit the schema.
std::shared_ptr<Policy> load_policy(const std::filesystem::path& folder, const Schema& schema);

}  // namespace rehearsal
