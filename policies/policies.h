#pragma once

#include "sim/policy.h"

namespace rehearsal {

/// Every policy, one line each.
const Registry<PolicyEntry>& policies();
/// Every ranker of items inside a module.
const Registry<RankerEntry>& rankers();

/// A policy from its mapping in a configuration file, {name, type, fields of the type, ranker:
/// {type, fields}, constraints: {fields}}: makes it, with its ranker and rules (constraints.h), and
/// notes its resolved mapping in config(). Args: source: of the mapping.
/// Raises: Error(kInput) for an unknown type or key, a bad value, what the maker refuses.
std::shared_ptr<Policy> make_policy(const YAML::Node& node, const Source& source,
                                    const PolicyContext& context);

/// A saved policy is a folder: policy.yaml (name, type and resolved configuration) and, when it
/// learnt something, state.h5. A mixture holds its parts, theirs under `parts:` and inside its
/// state. Args: yaml: the policy's mapping, e.g. policy.config(). Raises: Error(kInput) for a part
/// that was not made from a configuration; Error(kRuntime) when the folder cannot be written.
void save_policy(const Policy& policy, const std::string& yaml,
                 const std::filesystem::path& folder);
/// Args: schema: outlives the policy.
/// Raises: Error(kInput) for a missing or damaged file, one that does not fit the schema, an oracle
/// (it needs the user model of its scenario).
std::shared_ptr<Policy> load_policy(const std::filesystem::path& folder, const Schema& schema);

/// What a saved policy needs to be served where there is no log: features with the names of their
/// categories, modules, items. It is catalogue.h5 in the policy's folder; policies saved together
/// may share one file (`shared`, of the same file system) by a hard link.
/// Raises: Error(kRuntime) when it cannot be written.
void save_policy_schema(const Schema& schema, const std::filesystem::path& folder,
                        const std::filesystem::path& shared = {});
/// A saved policy with the schema it is served with.
struct ServedPolicy {
  std::unique_ptr<const Schema> schema;  // the policy refers to it
  std::shared_ptr<Policy> policy;
};
/// Raises: Error(kInput) as load_policy, and for a folder without catalogue.h5.
ServedPolicy load_served_policy(const std::filesystem::path& folder);

}  // namespace rehearsal
