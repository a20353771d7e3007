#include <yaml-cpp/yaml.h>

#include "policies/choices.h"
#include "policies/constraints.h"
#include "policies/policies.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

bool is_group(const std::string& name, const std::vector<FieldDescription>& fields) {
  return std::any_of(fields.begin(), fields.end(), [&](const FieldDescription& field) {
    return field.name.rfind(name + ".", 0) == 0;
  });
}

/// Writes into `out` every described key: as given, else its default.
/// Args: prefix: "" or "group." for the keys of a nested mapping.
void resolve(const YAML::Node& given, const std::vector<FieldDescription>& fields,
             const std::string& prefix, YAML::Node out) {
  for (const FieldDescription& field : fields) {
    if (field.name.rfind(prefix, 0) != 0) continue;
    const std::string key = field.name.substr(prefix.size());
    if (key.empty() || key.find('.') != std::string::npos) continue;
    const bool has = given.IsMap() && given[key].IsDefined();
    if (is_group(field.name, fields)) {
      YAML::Node nested(YAML::NodeType::Map);
      resolve(has ? given[key] : YAML::Node(), fields, field.name + ".", nested);
      out[key] = nested;
    } else {
      out[key] = has ? YAML::Clone(given[key]) : YAML::Load(field.default_value);
    }
  }
}

/// The text under a key that every policy and ranker has.
std::string text_at(const YAML::Node& node, const Source& source, const std::string& key,
                    const std::string& what) {
  const YAML::Node value = node[key];
  if (!value.IsDefined()) refuse_at(node, source, "the key '" + key + "' is missing: " + what);
  if (!value.IsScalar() || value.Scalar().empty())
    refuse_at(value, source.child(key), "expected " + what + ", found " + seen(value));
  return value.Scalar();
}

/// A policy's own keys, without those that every policy has; what stays keeps its place in the
/// file.
YAML::Node own_keys(const YAML::Node& node) {
  YAML::Node rest(YAML::NodeType::Map);
  for (const auto& pair : node)
    if (pair.first.Scalar() != "ranker" && pair.first.Scalar() != "constraints")
      rest.force_insert(pair.first, pair.second);
  return rest;
}

template <class Entry>
const Entry& entry_at(const Registry<Entry>& table, const YAML::Node& node, const Source& source,
                      const std::string& type) {
  return table.at(type, where(node["type"], source.child("type")));
}

/// Where a list is decided, whoever learns must order its items.
void check_orders_items(const Policy& policy, const PolicyEntry& entry, const YAML::Node& node,
                        const Source& source, const Schema& schema) {
  if (decision_of(schema) == Decision::kModules || !entry.learns) return;
  const YAML::Node ranker = node["ranker"];
  const bool itself = dynamic_cast<const ChoicePolicy*>(&policy) != nullptr;
  if (itself && ranker.IsDefined())
    refuse_at(ranker, source.child("ranker"),
              "in a world of one module the policy type '" + entry.name +
                  "' orders the items itself and takes no ranker");
  if (!policy.ranker() && !ranker.IsDefined())
    refuse_at(node["type"], source.child("type"),
              "the policy type '" + entry.name +
                  "' orders modules alone, and this world has one, whose items are the decision: "
                  "give it a ranker of items, or take a type that orders items: "
                  "multi_task_ranker, a bandit, prm, ips_gradient and others");
}

void give_ranker(Policy& policy, const YAML::Node& node, const Source& source, const Schema& schema,
                 YAML::Node resolved) {
  if (!node.IsMap()) refuse_at(node, source, "expected a mapping, found " + seen(node));
  check_mapping(node, source);
  const std::string type = text_at(node, source, "type", "the type of a ranker");
  const RankerEntry& entry = entry_at(rankers(), node, source, type);
  policy.set_ranker(entry.make({node, source}, schema));
  resolved["ranker"]["type"] = type;
  resolve(node, entry.describe(), "", resolved["ranker"]);
}

std::shared_ptr<Policy> constrain(std::shared_ptr<Policy> policy, const YAML::Node& node,
                                  const Source& source, const Schema& schema, YAML::Node resolved) {
  if (decision_of(schema) == Decision::kItems)
    refuse_at(node, source,
              "rules are on modules, and this world has one, whose items are the decision");
  const PluginConfig given{node, source};
  const auto config = given.read<ConstraintsConfig>();
  resolve(node, describe_fields<ConstraintsConfig>(), "", resolved["constraints"]);
  return held_to(std::make_shared<const PageRules>(config, given, schema), std::move(policy),
                 resolved["name"].Scalar());
}

}  // namespace

std::shared_ptr<Policy> make_policy(const YAML::Node& node, const Source& source,
                                    const PolicyContext& context) {
  if (!node.IsMap()) refuse_at(node, source, "expected a mapping, found " + seen(node));
  check_mapping(node, source);
  const std::string name = text_at(node, source, "name", "the name of the policy");
  const std::string type = text_at(node, source, "type", "the type of a policy");
  const PolicyEntry& entry = entry_at(policies(), node, source, type);
  const YAML::Node own = own_keys(node);
  std::shared_ptr<Policy> policy = entry.make({own, source}, context);
  check_orders_items(*policy, entry, node, source, context.schema);

  YAML::Node resolved(YAML::NodeType::Map);
  resolved["name"] = name;
  resolved["type"] = type;
  resolve(own, entry.describe(), "", resolved);
  const YAML::Node ranker = node["ranker"];
  if (ranker.IsDefined())
    give_ranker(*policy, ranker, source.child("ranker"), context.schema, resolved);
  const YAML::Node rules = node["constraints"];
  if (rules.IsDefined())
    policy =
        constrain(std::move(policy), rules, source.child("constraints"), context.schema, resolved);
  policy->set_config(YAML::Dump(resolved) + "\n");
  return policy;
}

}  // namespace rehearsal
