// Orderers that see the page: what they learn where the best pages are known, and what they keep.
#include <cmath>

#include "tests/catch.h"
#include "tests/policies/page_effects_site.h"
#include "tests/scenarios/program.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;

namespace {

/// One log for all: random pages of the made-up site.
struct LoggedSite {
  Schema schema = effects::schema();
  std::vector<LogBatch> batches{effects::log(12000, schema, Rng(21))};
  RequestBatch requests = effects::requests(1000, Rng(22), 50000);
  double best = effects::best_value(requests);

  std::shared_ptr<Policy> fitted(const std::string& keys) const {
    auto policy = small::policy("{name: orderer, " + keys + "}", schema);
    policy->fit({source_of(schema, batches), Rng(2), "orderer"});
    return policy;
  }
  /// Share of the best pages' clicks.
  double share(const Policy& policy) const { return effects::value_of(policy, requests) / best; }
};

const LoggedSite& logged_site() {
  static const LoggedSite once;
  return once;
}

/// The same site, whose present order is another one.
Schema reordered() {
  Schema schema = effects::schema();
  schema.curated_order = {"delta", "gamma", "epsilon", "beta", "alpha"};
  return schema;
}

/// Probabilities of the pages that a policy of the same state would draw under another schema.
std::vector<double> drawn(const Policy& trained, const std::string& keys, const Schema& schema,
                          const RequestBatch& requests, const PageBatch& pages) {
  const auto policy = small::policy("{name: orderer, " + keys + ", serve: sample}", schema);
  policy->set_state(trained.state());
  return propensities(*policy, requests, pages).pscore;
}

/// Keys of a training that is soon over.
std::string quick(const std::string& keys) {
  const bool pointer = keys.find("pointer") != std::string::npos;
  return std::string(", steps: 20") +
         (pointer ? ", reinforce_steps: 20, evaluator: {steps: 20}" : "");
}

double largest_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

}  // namespace

TEST_CASE("orderers that know what stands above find nearly the best pages", "[orderers]") {
  const std::string evaluator = "type: evaluator_generator, purchase_weight: 0, steps: 500";
  const double alone = logged_site().share(*logged_site().fitted(evaluator + ", sees: alone"));
  CHECK(alone < 0.96);
  for (const std::string& keys :
       {evaluator, evaluator + ", sees: around",
        std::string("type: pointer, purchase_weight: 0, steps: 200, reinforce_steps: 300, "
                    "learning_rate: 0.01, "
                    "evaluator: {steps: 500}")}) {
    INFO(keys);
    const double share = logged_site().share(*logged_site().fitted(keys));
    CHECK(share > alone + 0.015);
    CHECK(share <= 1);
  }
}

TEST_CASE("orderers that score a candidate among all of them learn good pages", "[orderers]") {
  const double random =
      logged_site().share(*small::policy("{name: random, type: uniform}", logged_site().schema));
  for (const std::string keys :
       {"dlcm", "dlcm, loss: listwise", "prm", "prm, loss: attention", "setrank",
        "setrank, position: inverse", "pointer, learn: supervised",
        "pointer, learn: supervised, decoder: one_step",
        "pointer, learn: log, reinforce_steps: 100"}) {
    INFO(keys);
    const double share = logged_site().share(*logged_site().fitted(
        "type: " + keys +
        ", purchase_weight: 0, steps: 300, learning_rate: 0.01, weight_decay: 0.3"));
    CHECK(share > random + 0.05);
    CHECK(share <= 1);
  }
}

TEST_CASE("scores know the initial order only where a network is given it", "[orderers]") {
  const Schema other = reordered();
  const RequestBatch requests = effects::requests(50, Rng(9), 70000);
  const auto random = small::policy("{name: random, type: uniform}", logged_site().schema);
  const PageBatch pages = recommend(*random, requests, Rng(6), nullptr);
  const auto change = [&](const std::string& keys) {
    const auto trained = logged_site().fitted(keys + ", steps: 20");
    return largest_difference(drawn(*trained, keys, logged_site().schema, requests, pages),
                              drawn(*trained, keys, other, requests, pages));
  };
  CHECK(change("type: setrank") == 0);
  CHECK(change("type: prm, initial_position: false") == 0);
  CHECK(change("type: prm") > 1e-4);
  CHECK(change("type: dlcm") > 1e-4);
}

TEST_CASE("candidates in another order get the same scores", "[orderers]") {
  // Every request lists its modules backwards.
  const RequestBatch requests = effects::requests(50, Rng(9), 70000);
  RequestBatch backwards = requests;
  backwards.module.clear();
  backwards.candidate.clear();
  backwards.candidate_offsets.assign(1, 0);
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t m = requests.module_offsets[i + 1]; m-- > requests.module_offsets[i];) {
      backwards.module.push_back(requests.module[m]);
      for (std::size_t c = requests.candidate_offsets[m]; c < requests.candidate_offsets[m + 1];
           ++c)
        backwards.candidate.push_back(requests.candidate[c]);
      backwards.candidate_offsets.push_back(static_cast<std::uint32_t>(backwards.candidate.size()));
    }
  const auto random = small::policy("{name: random, type: uniform}", logged_site().schema);
  const PageBatch pages = recommend(*random, requests, Rng(6), nullptr);
  for (const std::string type : {"dlcm", "prm", "setrank", "pointer", "evaluator_generator"}) {
    INFO(type);
    const auto policy = logged_site().fitted("type: " + type + quick(type) + ", serve: sample");
    const std::vector<double> forwards = propensities(*policy, requests, pages).pscore;
    const std::vector<double> other = propensities(*policy, backwards, pages).pscore;
    for (std::size_t i = 0; i < forwards.size(); ++i)
      CHECK(other[i] == Approx(forwards[i]).epsilon(1e-4));
  }
}

TEST_CASE("drawn pages have exact probabilities and come as often as those say", "[orderers]") {
  const RequestBatch requests = effects::requests(3, Rng(9), 70000);
  for (const std::string type : {"pointer", "evaluator_generator", "prm"}) {
    INFO(type);
    const auto policy = logged_site().fitted("type: " + type + quick(type) + ", serve: sample");
    CHECK_FALSE(policy->deterministic());
    const auto slates = policy->distribution(requests);
    for (std::size_t i = 0; i < 3; ++i) testing::check_against_enumeration(*slates, i, 1e-7);
  }
}

TEST_CASE("an orderer is the same after saving, with its propensities", "[orderers]") {
  const RequestBatch requests = effects::requests(50, Rng(9), 70000);
  for (const std::string keys : {"type: dlcm", "type: prm, blocks: 2", "type: setrank",
                                 "type: pointer", "type: evaluator_generator, hidden: [8]"})
    for (const std::string serve : {"best", "sample"}) {
      INFO(keys << " " << serve);
      const auto policy = logged_site().fitted(keys + quick(keys) + ", serve: " + serve);
      const TemporaryFolder folder;
      save_policy(*policy, policy->config(), folder.path("saved"));
      const auto loaded = load_policy(folder.path("saved"), logged_site().schema);
      Propensities before, after;
      const PageBatch pages = recommend(*policy, requests, Rng(6), &before);
      CHECK(recommend(*loaded, requests, Rng(6), &after).module == pages.module);
      CHECK(before.pscore == after.pscore);
    }
}

TEST_CASE("an orderer under rules keeps them, and finds the best page that does", "[orderers]") {
  const RequestBatch requests = effects::requests(60, Rng(9), 70000);
  for (const std::string type : {"setrank", "pointer", "evaluator_generator"})
    for (const std::string serve : {"best", "sample"}) {
      INFO(type << " " << serve);
      const std::string keys = "type: " + type + quick(type) + ", serve: " + serve;
      const auto ruled = logged_site().fitted(keys + ", constraints: {pinned: {epsilon: 0}}");
      const PageBatch pages = recommend(*ruled, requests, Rng(6), nullptr);
      for (std::size_t i = 0; i < requests.size(); ++i)
        CHECK((pages.shown(i)[0] == 4) == (requests.n_eligible(i) == 5));
      for (const double p : propensities(*ruled, requests, pages).pscore) CHECK((p > 0 && p <= 1));
    }
  // Below epsilon the best two are still not substitutes.
  const std::string keys = "type: evaluator_generator, purchase_weight: 0, steps: 500, beam: 100";
  const auto ruled = logged_site().fitted(keys + ", constraints: {pinned: {epsilon: 0}}");
  const PageBatch pages = recommend(*ruled, requests, Rng(6), nullptr);
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (requests.n_eligible(i) == 5) CHECK(pages.shown(i)[1] + pages.shown(i)[2] != 1);
}

TEST_CASE("an orderer says what it cannot learn from or serve", "[orderers]") {
  std::vector<LogBatch> bare = logged_site().batches;
  bare[0].requests.candidate.clear();
  bare[0].requests.candidate_offsets.assign(1, 0);
  const auto policy = small::policy("{name: orderer, type: prm}", logged_site().schema);
  CHECK_THROWS_WITH(policy->fit({source_of(logged_site().schema, bare), Rng(2), "orderer"}),
                    Catch::Contains("candidate"));
  bare = logged_site().batches;
  bare[0].propensities = {};
  const auto by_log =
      small::policy("{name: orderer, type: pointer, learn: log}", logged_site().schema);
  CHECK_THROWS_WITH(by_log->fit({source_of(logged_site().schema, bare), Rng(2), "orderer"}),
                    Catch::Contains("propensities"));
  for (const std::string type : {"dlcm", "pointer", "evaluator_generator"})
    CHECK_THROWS_WITH(small::policy("{name: x, type: " + type + "}", logged_site().schema)
                          ->distribution(effects::requests(1, Rng(1))),
                      Catch::Contains("learnt nothing yet"));
  CHECK_THROWS_WITH(small::policy("{name: x, type: setrank, heads: 3}", logged_site().schema),
                    Catch::Contains("heads"));
  CHECK(policy->reads_candidates());
  CHECK_FALSE(small::policy("{name: x, type: uniform}", logged_site().schema)->reads_candidates());
}

TEST_CASE("the program trains, judges from the log and runs orderers that see the page",
          "[orderers][program]") {
  const TemporaryFolder folder;
  const std::string scenario = folder.write("orderers.yaml", R"(
name: orderers
seed: 3
world: {type: item_page, users: 2000, items: 500, categories: 10}
users: {type: item_page, repeat_discount: 0.5}
policies:
  - {name: curated, type: static_order, order: curated}
  - {name: random, type: uniform}
  - {name: logging, type: mixture, of: {curated: 0.5, random: 0.5}}
  - {name: dlcm, type: dlcm, steps: 20}
  - {name: prm, type: prm, steps: 20}
  - {name: setrank, type: setrank, steps: 20}
  - {name: pointer, type: pointer, steps: 20, reinforce_steps: 20, evaluator: {steps: 20}}
  - {name: evaluator, type: evaluator_generator, steps: 20}
log: {policy: logging, pages: 4000, train_share: 0.5}
estimate: {metrics: [ctr], estimators: [iips, dr]}
live: {baseline: curated, pages: 500}
gate: {metric: ctr, min_lift: 0, estimator: dr}
)");
  const Called run = call_program({"run", scenario, "--out", folder.path("run")});
  INFO(run.err);
  REQUIRE(run.status == 0);
  for (const std::string name : {"dlcm", "prm", "setrank", "pointer", "evaluator"})
    CHECK(run.out.find(name) != std::string::npos);
  // What was saved is what ran: judged again from the log.
  const Called again =
      call_program({"evaluate", folder.path("run"), "--policy",
                    "again=" + folder.path("run/policies/evaluator"), "--estimators", "iips"});
  INFO(again.err);
  CHECK(again.status == 0);
}
