#include <filesystem>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

struct Saved {
  Schema schema = small::schema();
  TemporaryFolder folder;
  std::shared_ptr<Policy> policy;

  explicit Saved(const std::string& fields) {
    policy = small::policy("{name: learner, " + fields + "}", schema);
    small::write_log(folder.path("log"), schema, *small::behavior(schema), 1, 2000, Rng(21));
    const LogReader log(folder.path("log"));
    policy->fit({source_of(log), Rng(2), "learner"});
    save_policy(*policy, policy->config(), folder.path("saved"));
  }
  std::string why_not_loaded(const Schema& with) const {
    try {
      load_policy(folder.path("saved"), with);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      return error.what();
    }
    FAIL("loaded");
    return "";
  }
};

}  // namespace

TEST_CASE("a saved mixture of learners holds its parts, with what they learnt", "[policies]") {
  const Saved saved("type: popularity, segments: [buyer], ranker: {type: popularity}");
  const Schema& schema = saved.schema;
  const auto learner = small::policy("{name: pop, type: popularity, segments: [device]}", schema);
  const LogReader log(saved.folder.path("log"));
  learner->fit({source_of(log), Rng(2), "pop"});
  const auto thompson = small::policy("{name: ts, type: thompson}", schema);
  thompson->fit({source_of(log), Rng(2), "ts"});
  const auto mixture = small::policy(
      "{name: both, type: mixture, of: {pop: 0.25, ts: 0.75}, ranker: {type: uniform}}", schema,
      {{"pop", learner}, {"ts", thompson}});
  save_policy(*mixture, mixture->config(), saved.folder.path("mixture"));
  const auto loaded = load_policy(saved.folder.path("mixture"), schema);
  CHECK(loaded->config() == mixture->config());
  CHECK(loaded->parts().at("pop")->config() == learner->config());
  const RequestBatch requests = small::requests(50, Rng(6));
  Propensities before, after;
  const PageBatch pages = recommend(*mixture, requests, Rng(6), &before);
  CHECK(recommend(*loaded, requests, Rng(6), &after).module == pages.module);
  CHECK(before.pscore == after.pscore);
  CHECK(before.pscore_item_position == after.pscore_item_position);
}

TEST_CASE("a folder that holds no whole policy is refused, naming the file", "[policies]") {
  const Saved saved("type: popularity");
  const std::string yaml = saved.folder.path("saved/policy.yaml");
  const std::string state = saved.folder.path("saved/state.h5");
  REQUIRE(load_policy(saved.folder.path("saved"), saved.schema));
  std::filesystem::remove(state);
  CHECK_THAT(saved.why_not_loaded(saved.schema), Catch::Contains(state));
  saved.folder.write("saved/policy.yaml", "name: x\ntype: popularty\n");
  CHECK_THAT(saved.why_not_loaded(saved.schema),
             Catch::Contains("did you mean 'popularity'") && Catch::Contains(yaml + ":2:7"));
  saved.folder.write("saved/policy.yaml", "name: [x\n");
  CHECK_THAT(saved.why_not_loaded(saved.schema), Catch::Contains(yaml));
  std::filesystem::remove(yaml);
  CHECK_THAT(saved.why_not_loaded(saved.schema), Catch::Contains(yaml));
}

TEST_CASE("a state that does not fit the schema is refused, naming array and shapes",
          "[policies]") {
  Schema larger = small::schema();
  larger.modules.push_back("omega");
  for (const std::string type : {"popularity", "thompson", "linucb", "logistic"}) {
    INFO(type);
    const Saved saved("type: " + type);
    CHECK_THAT(saved.why_not_loaded(larger),
               Catch::Contains("state.h5") && Catch::Contains("needs (") && Catch::Contains("5"));
  }
}

TEST_CASE("an oracle is not loaded without its scenario, and says so", "[policies]") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder.path("oracle"));
  folder.write("oracle/policy.yaml", "name: o\ntype: oracle\nobjective: click\n");
  const Schema schema = small::schema();
  CHECK_THROWS_WITH(load_policy(folder.path("oracle"), schema),
                    Catch::Contains("needs the user model of its scenario"));
}

TEST_CASE("a policy that was not made from a configuration cannot be saved", "[policies]") {
  const TemporaryFolder folder;
  const Schema schema = small::schema();
  const auto policy = small::policy("{name: x, type: uniform}", schema);
  CHECK_THROWS_WITH(save_policy(*policy, "", folder.path("x")),
                    Catch::Contains("not made from a configuration"));
}
