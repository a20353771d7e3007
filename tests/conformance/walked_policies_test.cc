// What test_fast walks of the table of policies: all that libtorch need not write.
#include "tests/conformance/walked_policies.h"

#include <map>

namespace rehearsal::testing {

bool walks(const std::string& type) { return type != "torchscript"; }

std::string needed_fields(const std::string& type) {
  static const std::map<std::string, std::string> needed{
      {"mixture", "of: {curated: 0.6, random: 0.4}"},
      {"dlcm", "steps: 50"},
      {"prm", "steps: 50"},
      {"setrank", "steps: 50"},
      {"pointer", "steps: 50, reinforce_steps: 50, evaluator: {steps: 50}"},
      {"evaluator_generator", "steps: 50"},
      {"mmr", "of: rates"},
      {"dpp", "of: rates"},
      {"multi_task_ranker", "tasks: [{name: click, label: click}]"},
      {"plugin", "library: " REHEARSAL_TEST_PLUGIN}};
  const auto found = needed.find(type);
  return found == needed.end() ? "" : found->second;
}

}  // namespace rehearsal::testing
