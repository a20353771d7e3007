// Walks the table of policies in a world of one module, whose items are the decision: a type orders
// them with exact propensities, or leaves them to a ranker, or says that it cannot.
#include <map>
#include <set>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/list_checks.h"

using namespace rehearsal;
namespace list = rehearsal::small_list;

namespace {

/// Fields that a type cannot do without, and shorter trainings.
const std::map<std::string, std::string> kKeys{
    {"mixture", "of: {worst: 0.6, random: 0.4}"},
    {"pointer", "steps: 20, reinforce_steps: 20, evaluator: {steps: 20}"},
    {"multi_task_ranker", "tasks: [{name: click, label: item_click}]"},
    {"mmr", "of: random"},
    {"dpp", "of: random"}};
/// Types that learn in steps.
const std::set<std::string> kSteps{"weighted_likelihood",
                                   "ips_gradient",
                                   "dr_gradient",
                                   "banditnet",
                                   "poem",
                                   "lower_bound",
                                   "pl_rank",
                                   "log_smoothing",
                                   "top_k_gradient",
                                   "mips_gradient",
                                   "potec",
                                   "pi_opt",
                                   "dlcm",
                                   "prm",
                                   "setrank",
                                   "evaluator_generator"};
/// Types that this test cannot make: of files of one's own, of the truth.
const std::set<std::string> kElsewhere{"plugin", "torchscript", "oracle"};
const std::set<std::string> kRefused{"popularity",        "thompson",   "linucb",
                                     "logistic",          "mmr",        "dpp",
                                     "pointwise_orderer", "offset_tree"};

/// Args: one: whether lists show one item.
const list::Logged& site(bool one) {
  static const list::Logged three(1000), single(1000, 1);
  return one ? single : three;
}

std::string keys_of(const std::string& type) {
  const auto own = kKeys.find(type);
  if (own != kKeys.end()) return type + ", " + own->second;
  return type + (kSteps.count(type) > 0 ? ", steps: 20" : "");
}

}  // namespace

TEST_CASE("conformance: every policy orders the items of a list exactly or says that it cannot",
          "[conformance]") {
  std::size_t n_ordered = 0;
  for (const PolicyEntry& entry : policies().entries()) {
    INFO("policy " << entry.name);
    if (kElsewhere.count(entry.name) > 0) continue;
    const bool one = entry.name == "potec";
    if (kRefused.count(entry.name) > 0) {
      CHECK_THROWS_AS(site(one).made(keys_of(entry.name)), Error);
      continue;
    }
    const RequestBatch requests = list::requests(25, Rng(9), 70000, one ? 1 : 3);
    const auto policy = site(one).fitted(keys_of(entry.name));
    CHECK(site(one).made(keys_of(entry.name))->config() == policy->config());
    const list::DrawnLists drawn = list::check_drawn(*policy, requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      CHECK((drawn.own.pscore[i] > 0 && drawn.own.pscore[i] <= 1));
      const std::vector<std::uint32_t> shown = drawn.items(i);
      CHECK(shown.size() == (one ? 1 : 3));
      CHECK(std::set<std::uint32_t>(shown.begin(), shown.end()).size() == shown.size());
      const auto first = requests.candidate.begin() + requests.candidate_offsets[i];
      const auto last = requests.candidate.begin() + requests.candidate_offsets[i + 1];
      for (const std::uint32_t item : shown) CHECK(std::find(first, last, item) != last);
    }
    if (!entry.learns || entry.online || entry.name == "multi_task_ranker") continue;
    ++n_ordered;
    list::check_exact_and_kept(*policy, site(one).schema, requests, drawn, 2);
  }
  CHECK(n_ordered == kSteps.size() + 1);  // and pointer
}
