// Walks the tables of policies and rankers: what every one of them promises. A new line in a table
// is tested here without a test of its own.
#include <yaml-cpp/yaml.h>

#include <map>
#include <set>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/trainer.h"
#include "tests/catch.h"
#include "tests/conformance/walked_policies.h"
#include "tests/policies/fake_users.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using testing::Slate;

namespace {

/// Types that decide one module a page.
const std::set<std::string> kOneModule{"potec", "offset_tree"};

std::vector<PolicyEntry> entries() {
  std::vector<PolicyEntry> all;
  for (const PolicyEntry& entry : policies().entries())
    if (testing::walks(entry.name)) all.push_back(entry);
  return all;
}

/// A small site, its log, and what makers may use.
struct PolicySite {
  Schema schema;
  TemporaryFolder folder;
  small::FakeUsers users;
  std::map<std::string, std::shared_ptr<Policy>> others;
  std::unique_ptr<LogReader> log;

  explicit PolicySite(std::uint16_t n_slots) : schema(small::schema(n_slots)) {
    others["curated"] = small::policy("{name: curated, type: static_order}", schema);
    others["random"] = small::policy("{name: random, type: uniform}", schema);
    small::write_log(folder.path("log"), schema, *small::behavior(schema), 2, 2000, Rng(31));
    log = std::make_unique<LogReader>(folder.path("log"));
    others["rates"] = small::policy("{name: rates, type: popularity}", schema);
    others["rates"]->fit({source_of(*log), Rng(9), "rates"});
  }

  /// Args: more: further keys of the mapping, ", key: value".
  std::shared_ptr<Policy> make(const std::string& type, const std::string& more = "") const {
    const std::string own = testing::needed_fields(type);
    return from("{name: entry, type: " + type + (own.empty() ? "" : ", ") + own + more + "}");
  }
  std::shared_ptr<Policy> from(const std::string& yaml) const {
    return make_policy(YAML::Load(yaml), {}, {schema, Rng(1), &users, others});
  }
  /// Null, with a warning, when it trains with a library that is not built here.
  std::shared_ptr<Policy> trained(const std::string& type, const std::string& more = "") const {
    const std::shared_ptr<Policy> policy = make(type, more);
    try {
      policy->fit({source_of(*log), Rng(9), "entry"});
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kRuntime || can_train()) throw;
      WARN(type << " is not tested: " << error.what());
      return nullptr;
    }
    return policy;
  }
  static bool can_train() {
    try {
      load_trainer();
      return true;
    } catch (const Error&) {
      return false;
    }
  }
};

/// The site that a type of policy is for.
const PolicySite& site(const std::string& type = "") {
  static const PolicySite pages(3);
  static const PolicySite single(1);
  return kOneModule.count(type) > 0 ? single : pages;
}

RequestBatch requests_of(std::uint32_t n, std::uint32_t first_user = 0,
                         const std::string& type = "") {
  RequestBatch requests = small::requests(n, Rng(17), first_user, site(type).schema.n_slots);
  requests.latents = std::make_shared<Latents>();
  return requests;
}

bool same_state(const Arrays& left, const Arrays& right) {
  return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                    [](const auto& a, const auto& b) {
                      return a.first == b.first && a.second.shape == b.second.shape &&
                             a.second.values == b.second.values;
                    });
}

/// Everything follows from the slates' joint probabilities by summing, and those sum to 1.
void check_enumeration(const SlateDistribution& slates, std::size_t i) {
  constexpr double kTolerance = 2e-7;
  const std::size_t m = slates.n_choices(i);
  const std::size_t l = slates.n_positions(i);
  RowMatrix summed = RowMatrix::Zero(static_cast<Eigen::Index>(l), static_cast<Eigen::Index>(m));
  std::map<Slate, double> of_prefix;
  double total = 0;
  for (const Slate& slate : testing::all_slates(m, l)) {
    const double p = testing::probability(slates, i, slate);
    total += p;
    if (slates.deterministic()) CHECK((p == 0 || p == 1));
    for (std::size_t k = 0; k < l; ++k) {
      summed(static_cast<Eigen::Index>(k), slate[k]) += p;
      of_prefix[Slate(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k) + 1)] += p;
    }
  }
  CHECK(std::abs(total - 1) < kTolerance);
  RowMatrix marginals(summed.rows(), summed.cols());
  slates.marginals(i, marginals);
  CHECK((marginals - summed).cwiseAbs().maxCoeff() < kTolerance);
  CHECK((marginals.rowwise().sum().array() - 1).abs().maxCoeff() < kTolerance);
  double worst = 0;
  for (const Slate& slate : testing::all_slates(m, l)) {
    std::vector<double> prefix(l), position(l);
    slates.prefix_probabilities(i, slate, prefix);
    slates.position_probabilities(i, slate, position);
    for (std::size_t k = 0; k < l; ++k) {
      const Slate head(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k) + 1);
      worst = std::max(worst, std::abs(prefix[k] - of_prefix[head]));
      worst =
          std::max(worst, std::abs(position[k] - summed(static_cast<Eigen::Index>(k), slate[k])));
    }
  }
  CHECK(worst < kTolerance);
}

/// Slates come as often as their probability says: 4 standard errors, and 1 for rare ones.
void check_frequencies(const SlateDistribution& slates, std::size_t i,
                       std::span<const std::uint16_t> ids) {
  constexpr std::uint32_t kSlates = 3000;
  std::map<Slate, double> count;
  for (std::uint32_t draw = 0; draw < kSlates; ++draw) {
    Slate slate(slates.n_positions(i));
    slates.sample(i, Rng(77), {Draw::kPolicy, Turn{UserId{draw}, 3, 0}, ids, 0}, slate);
    count[slate] += 1;
  }
  for (const Slate& slate : testing::all_slates(slates.n_choices(i), slates.n_positions(i))) {
    const double p = testing::probability(slates, i, slate);
    const double slack = p == 0 ? 0 : 1 + 4 * std::sqrt(kSlates * p * std::max(0.0, 1 - p));
    CHECK(std::abs(count[slate] - kSlates * p) <= slack);
  }
}

void check_pages(const RequestBatch& requests, const PageBatch& pages) {
  REQUIRE(pages.size() == requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto eligible = requests.eligible(i);
    CHECK(pages.n_shown(i) == std::min<std::size_t>(requests.n_slots[i], eligible.size()));
    const std::set<std::uint16_t> shown(pages.shown(i).begin(), pages.shown(i).end());
    CHECK(shown.size() == pages.n_shown(i));
    for (const std::uint16_t module : shown)
      CHECK(std::find(eligible.begin(), eligible.end(), module) != eligible.end());
  }
}

void check_docs(const std::vector<FieldDescription>& fields) {
  std::set<std::string> names;
  for (const FieldDescription& field : fields) {
    INFO("field " << field.name);
    CHECK(names.insert(field.name).second);
    CHECK_FALSE(field.type.empty());
    CHECK(field.help.size() > 10);
    CHECK_NOTHROW(YAML::Load(field.default_value));
  }
}

}  // namespace

TEST_CASE("conformance: every policy and ranker says what it is and what its fields mean",
          "[conformance]") {
  for (const PolicyEntry& entry : policies().entries()) {
    INFO("policy " << entry.name);
    REQUIRE((entry.describe && entry.make));
    CHECK(entry.summary.size() > 15);
    check_docs(entry.describe());
  }
  for (const RankerEntry& entry : rankers().entries()) {
    INFO("ranker " << entry.name);
    REQUIRE((entry.describe && entry.make));
    check_docs(entry.describe());
  }
}

TEST_CASE("conformance: every policy is made again from its resolved configuration",
          "[conformance]") {
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    const std::string config = site(entry.name).make(entry.name)->config();
    const YAML::Node resolved = YAML::Load(config);
    for (const FieldDescription& field : entry.describe())
      if (field.name.find('.') == std::string::npos) CHECK(resolved[field.name].IsDefined());
    CHECK(site(entry.name).from(config)->config() == config);
    CHECK_THROWS_WITH(site(entry.name).from("{name: x, type: " + entry.name + ", no_such_key: 1}"),
                      Catch::Contains("no_such_key"));
  }
}

TEST_CASE("conformance: every policy's pages, propensities and samples agree", "[conformance]") {
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    const RequestBatch requests = requests_of(60, 0, entry.name);
    const std::shared_ptr<Policy> policy = site(entry.name).trained(entry.name);
    if (!policy) continue;
    Propensities own;
    const PageBatch pages = recommend(*policy, requests, Rng(40), &own);
    check_pages(requests, pages);
    const Propensities again = propensities(*policy, requests, pages);
    CHECK(own.pscore == again.pscore);
    CHECK(own.pscore_cascade == again.pscore_cascade);
    CHECK(own.pscore_item_position == again.pscore_item_position);
    for (const double p : own.pscore) CHECK((p > 0 && p <= 1));
    if (policy->deterministic())
      for (const double p : own.pscore) CHECK(p == 1);
    const auto slates = policy->distribution(requests);
    CHECK(slates->deterministic() == policy->deterministic());
    std::size_t sampled = 0;
    for (std::size_t i = 0; i < 6; ++i) check_enumeration(*slates, i);
    for (std::size_t i = 0; i < requests.size() && sampled < 2; ++i) {
      if (requests.n_eligible(i) < 4) continue;
      check_frequencies(*slates, i, requests.eligible(i));
      ++sampled;
    }
    CHECK(sampled == 2);
  }
}

TEST_CASE("conformance: every policy keeps its probabilities exact under constraints",
          "[conformance]") {
  const RequestBatch requests = requests_of(40);
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    if (kOneModule.count(entry.name) > 0) continue;  // of one slot there is nothing to constrain
    // Thompson sampling takes places of modules' own only (sim/slate/thompson.cc).
    const bool drawn = entry.name.find("thompson") != std::string::npos;
    const std::string limit = drawn ? "" : ", max_sponsored: 1, sponsored: [alpha, gamma]";
    const auto policy =
        site().trained(entry.name, ", constraints: {pinned: {beta: 1}" + limit + "}");
    if (!policy) continue;
    CHECK(site().from(policy->config())->config() == policy->config());
    Propensities own;
    const PageBatch pages = recommend(*policy, requests, Rng(40), &own);
    check_pages(requests, pages);
    const Propensities again = propensities(*policy, requests, pages);
    CHECK(own.pscore == again.pscore);
    CHECK(own.pscore_item_position == again.pscore_item_position);
    const auto slates = policy->distribution(requests);
    CHECK(slates->deterministic() == policy->deterministic());
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto shown = pages.shown(i);
      CHECK(shown[1] == 1);
      if (i < 6) check_enumeration(*slates, i);
      // Alpha is always there, delta not: a page may need gamma to be full.
      const auto eligible = requests.eligible(i);
      const bool both =
          std::count(shown.begin(), shown.end(), 0) + std::count(shown.begin(), shown.end(), 2) > 1;
      const bool delta = std::count(eligible.begin(), eligible.end(), 3) > 0;
      if (!limit.empty() && eligible.size() > 2) CHECK(both == !delta);
    }
  }
}

TEST_CASE("conformance: no policy's page depends on the batch that holds its request",
          "[conformance]") {
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    const RequestBatch together = requests_of(30, 0, entry.name);
    const std::shared_ptr<Policy> policy = site(entry.name).trained(entry.name);
    if (!policy) continue;
    Propensities of_all;
    const PageBatch pages = recommend(*policy, together, Rng(40), &of_all);
    for (std::uint32_t i = 0; i < 30; ++i) {
      Propensities alone;
      const PageBatch page = recommend(*policy, requests_of(1, i, entry.name), Rng(40), &alone);
      CHECK(page.module == Slate(pages.shown(i).begin(), pages.shown(i).end()));
      CHECK(alone.pscore[0] == of_all.pscore[i]);
    }
  }
}

TEST_CASE("conformance: a policy fitted twice to the same log is the same policy",
          "[conformance]") {
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    const std::shared_ptr<Policy> policy = site(entry.name).trained(entry.name);
    if (!policy) continue;
    CHECK(policy->state().empty() != entry.learns);
    CHECK(same_state(site(entry.name).trained(entry.name)->state(), policy->state()));
    const Arrays once = policy->state();
    policy->fit({source_of(*site(entry.name).log), Rng(9), "entry"});
    CHECK(same_state(policy->state(), once));
  }
}

TEST_CASE("conformance: a policy that learns online serves untrained and stays as it is in a batch",
          "[conformance]") {
  const RequestBatch requests = requests_of(40);
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    if (!entry.online) continue;
    CHECK(entry.learns);
    const std::shared_ptr<Policy> policy = site().make(entry.name);
    const Arrays before = policy->state();
    Propensities own;
    const PageBatch pages = recommend(*policy, requests, Rng(40), &own);
    check_pages(requests, pages);
    CHECK(same_state(policy->state(), before));
    for (std::size_t i = 0; i < 3; ++i) check_enumeration(*policy->distribution(requests), i);
    // What a batch teaches is what its whole says: it may come in one piece or be saved between.
    const LogBatch played = small::log(300, 0, *policy, Rng(5));
    policy->update(played);
    CHECK_FALSE(same_state(policy->state(), before));
    const std::shared_ptr<Policy> other = site().make(entry.name);
    other->set_state(before);
    other->update(played);
    CHECK(same_state(other->state(), policy->state()));
    CHECK(recommend(*other, requests, Rng(40), nullptr).module ==
          recommend(*policy, requests, Rng(40), nullptr).module);
  }
}

TEST_CASE("conformance: every saved policy loads as it was and is saved with the same bytes",
          "[conformance]") {
  for (const PolicyEntry& entry : entries()) {
    INFO("policy " << entry.name);
    const RequestBatch requests = requests_of(40, 0, entry.name);
    const std::shared_ptr<Policy> policy = site(entry.name).trained(entry.name);
    if (!policy) continue;
    const TemporaryFolder folder;
    save_policy(*policy, policy->config(), folder.path("once"));
    if (entry.needs_truth) {
      CHECK_THROWS_WITH(load_policy(folder.path("once"), site(entry.name).schema),
                        Catch::Contains("scenario"));
      continue;
    }
    const auto loaded = load_policy(folder.path("once"), site(entry.name).schema);
    CHECK(loaded->config() == policy->config());
    CHECK(same_state(loaded->state(), policy->state()));
    Propensities before, after;
    const PageBatch pages = recommend(*policy, requests, Rng(40), &before);
    CHECK(recommend(*loaded, requests, Rng(40), &after).module == pages.module);
    CHECK(before.pscore == after.pscore);
    CHECK(before.pscore_item_position == after.pscore_item_position);
    save_policy(*loaded, loaded->config(), folder.path("twice"));
    CHECK(bytes_of(folder.path("twice/policy.yaml")) == bytes_of(folder.path("once/policy.yaml")));
    if (entry.learns)
      CHECK(bytes_of(folder.path("twice/state.h5")) == bytes_of(folder.path("once/state.h5")));
  }
}

TEST_CASE("conformance: every ranker orders all candidates, with exact probabilities",
          "[conformance]") {
  const RequestBatch requests = requests_of(30);
  for (const RankerEntry& entry : rankers().entries()) {
    INFO("ranker " << entry.name);
    const YAML::Node node = YAML::Load("{type: " + entry.name + "}");
    const auto ranker = entry.make({node, {}}, site().schema);
    const auto lists = ranker->distribution(requests);
    REQUIRE(lists->size() == requests.module.size());
    CHECK(lists->deterministic() == ranker->deterministic());
    const Slate ids{0, 1, 2};
    for (std::size_t list = 0; list < 4; ++list) {
      REQUIRE(lists->n_positions(list) == 3);
      check_enumeration(*lists, list);
      check_frequencies(*lists, list, ids);
    }
    const auto policy = site().from("{name: x, type: uniform, ranker: {type: " + entry.name + "}}");
    CHECK(site().from(policy->config())->config() == policy->config());
    Propensities own;
    const PageBatch pages = recommend(*policy, requests, Rng(40), &own);
    CHECK(propensities(*policy, requests, pages).pscore == own.pscore);
    CHECK(propensities(*policy, requests, pages).pscore_items == own.pscore_items);
  }
}
