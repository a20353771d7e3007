// Walks the table of policies in a world of one module, whose items are the decision: a type orders
// them with exact propensities, or leaves them to a ranker, or says that it cannot.
#include <map>
#include <set>

#include "sim/core/error.h"
#include "sim/decision.h"
#include "tests/catch.h"
#include "tests/policies/small_list.h"
#include "tests/scenarios/program.h"
#include "tests/sim/slate_checks.h"

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
    Propensities own;
    const PageBatch pages = recommend(*policy, requests, Rng(40), &own);
    const Propensities again = propensities(*policy, requests, pages);
    CHECK(own.pscore == again.pscore);
    CHECK(own.pscore_in_module_cascade == again.pscore_in_module_cascade);
    CHECK(own.pscore_in_module_position == again.pscore_in_module_position);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      CHECK((own.pscore[i] > 0 && own.pscore[i] <= 1));
      const std::vector<std::uint32_t> shown(pages.item.begin() + pages.item_offsets[i],
                                             pages.item.begin() + pages.item_offsets[i + 1]);
      CHECK(shown.size() == (one ? 1 : 3));
      CHECK(std::set<std::uint32_t>(shown.begin(), shown.end()).size() == shown.size());
      const auto first = requests.candidate.begin() + requests.candidate_offsets[i];
      const auto last = requests.candidate.begin() + requests.candidate_offsets[i + 1];
      for (const std::uint32_t item : shown) CHECK(std::find(first, last, item) != last);
    }
    if (!entry.learns || entry.online || entry.name == "multi_task_ranker") continue;
    ++n_ordered;
    const auto slates = decide(*policy, Decision::kItems, requests);
    for (std::size_t i = 0; i < 2; ++i) testing::check_against_enumeration(*slates, i, 1e-7);
    const TemporaryFolder folder;
    save_policy(*policy, policy->config(), folder.path("saved"));
    const auto loaded = load_policy(folder.path("saved"), site(one).schema);
    Propensities after;
    CHECK(recommend(*loaded, requests, Rng(40), &after).item == pages.item);
    CHECK(after.pscore == own.pscore);
  }
  CHECK(n_ordered == kSteps.size() + 1);  // and pointer
}
