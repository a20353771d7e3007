#pragma once

#include <memory>
#include <vector>

#include "sim/policy.h"

// One maker and one field table a policy; policies.cc lists them.
namespace rehearsal {

std::vector<FieldDescription> describe_uniform();
std::unique_ptr<Policy> make_uniform_policy(const PluginConfig& config,
                                            const PolicyContext& context);

std::vector<FieldDescription> describe_static_order();
std::unique_ptr<Policy> make_static_order(const PluginConfig& config, const PolicyContext& context);

}  // namespace rehearsal
