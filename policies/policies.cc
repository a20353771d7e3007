#include "policies/policies.h"

namespace rehearsal {

const Registry<PolicyEntry>& policies() {
  static const Registry<PolicyEntry> table("policy", {});
  return table;
}

const Registry<RankerEntry>& rankers() {
  static const Registry<RankerEntry> table("ranker", {});
  return table;
}

}  // namespace rehearsal
