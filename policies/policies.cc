#include "policies/policies.h"

#include "policies/makers.h"

namespace rehearsal {

const Registry<PolicyEntry>& policies() {
  static const Registry<PolicyEntry> table(
      "policy", {
                    {.name = "uniform",
                     .summary = "every order of the eligible modules equally likely",
                     .source = "this project",
                     .describe = describe_uniform,
                     .make = make_uniform_policy},
                    {.name = "static_order",
                     .summary = "one fixed order of modules, the same for everyone",
                     .source = "Lo et al., RecSys 2021 (the curated page it starts from)",
                     .describe = describe_static_order,
                     .make = make_static_order},
                });
  return table;
}

const Registry<RankerEntry>& rankers() {
  static const Registry<RankerEntry> table("ranker", {});
  return table;
}

}  // namespace rehearsal
