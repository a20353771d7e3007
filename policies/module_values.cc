#include "policies/module_values.h"

#include "sim/core/error.h"

namespace rehearsal {

const ModuleValues& values_of(const std::string& name, const std::string& key,
                              const PluginConfig& config, const PolicyContext& context) {
  const auto found = context.others.find(name);
  if (found == context.others.end()) {
    std::vector<std::string> known;
    for (const auto& [other, policy] : context.others) known.push_back(other);
    config.refuse(key, unknown_name("policy", name, known) +
                           " (it must stand before the policy that orders by its values)");
  }
  const auto* values = dynamic_cast<const ModuleValues*>(found->second.get());
  if (values == nullptr)
    config.refuse(key, "the policy '" + name +
                           "' has no value of each module; logistic, pointwise_orderer and "
                           "popularity have");
  return *values;
}

}  // namespace rehearsal
