#include "scenarios/scenario.h"

#include "scenarios/setup.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;

namespace {

constexpr const char* kScenario = R"(name: small
seed: 3
world: {type: item_page, users: 100, items: 200, categories: 4}
users: {type: item_page}
policies:
  - name: curated
    type: static_order
    order: curated
  - {name: random, type: uniform}
  - {name: logging, type: mixture, of: {curated: 0.75, random: 0.25}}
log: {policy: logging, pages: 500}
live: {baseline: curated, pages: 100}
gate: {metric: ctr}
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Scenario parse(const std::string& text, const std::vector<std::string>& assignments = {}) {
  Tree tree = parse_tree(text, "s.yaml");
  for (const std::string& assignment : assignments) set_assignment(tree, assignment);
  return parse_scenario(tree);
}

std::string error_of(const std::string& text, const std::vector<std::string>& assignments = {}) {
  try {
    const Scenario scenario = parse(text, assignments);
    const Setup setup = build(scenario);
  } catch (const Error& error) {
    CHECK(error.exit_status() == 2);
    return error.what();
  }
  FAIL("accepted:\n" << text);
  return "";
}

std::string error_with(const std::string& from, const std::string& to) {
  return error_of(replaced(kScenario, from, to));
}

std::string error_with_set(const std::string& assignment) {
  return error_of(kScenario, {assignment});
}

}  // namespace

TEST_CASE("a scenario keeps what the file says and takes defaults for the rest") {
  const Scenario scenario = parse(kScenario);
  CHECK(scenario.name == "small");
  CHECK(scenario.seed == 3);
  CHECK(scenario.world_seed == 3);
  CHECK(scenario.log.pages == 500);
  CHECK(scenario.estimate.confidence == 0.95);
  REQUIRE(scenario.policies.size() == 3);
  CHECK(scenario.policies[2].parts == std::vector<std::string>{"curated", "random"});
  CHECK(parse(replaced(kScenario, "users: 100", "seed: 9, users: 100")).world_seed == 9);
  const Setup setup = build(scenario);
  CHECK(setup.world->n_users() == 100);
  CHECK(setup.policies.size() == 3);
}

TEST_CASE("a resolved scenario has every key and reads back with the same meaning") {
  const Scenario scenario = parse(kScenario, {"estimate.confidence=0.9"});
  const std::string text = to_yaml(scenario);
  INFO(text);
  const Scenario again = parse_scenario(parse_tree(text, "again.yaml"));
  CHECK(to_yaml(again) == text);
  CHECK(again.estimate.confidence == 0.9);
  CHECK(!again.written_by.empty());
  for (const char* key : {"n_bootstrap: 200", "min_lift: 0",
                          "sigma_c: ", "cascade_stop: ", "shard_pages: 65536", "version: "})
    CHECK_THAT(text, Catch::Contains(key));
  CHECK(build(again).policies.size() == 3);
}

TEST_CASE("set reaches every key, by index and by a policy's name") {
  CHECK(parse(kScenario, {"log.pages=7"}).log.pages == 7);
  CHECK(parse(kScenario, {"seed=12"}).world_seed == 12);
  CHECK(parse(kScenario, {"gate.guardrails.ptr=-0.2"}).gate.rule.guardrails.at("ptr") == -0.2);
  const auto weight = [](const std::string& key) {
    return parse(kScenario, {key + "={curated: 1}"}).policies[2].plugin.node["of"]["curated"];
  };
  CHECK(weight("policies[2].of").Scalar() == "1");
  CHECK(weight("policies.logging.of").Scalar() == "1");
  CHECK(parse(kScenario, {"log.pages=7", "log.pages=8"}).log.pages == 8);
  CHECK(parse(kScenario, {"policies[1].name=dice", "policies.logging.of={dice: 1}"})
            .policies[1]
            .name == "dice");
}

TEST_CASE("set on one of two that share an anchor leaves the other alone") {
  const std::string text =
      replaced(replaced(kScenario, "{curated: 0.75, random: 0.25}", "&o {curated: 1}"),
               "log:", "  - {name: second, type: mixture, of: *o}\nlog:");
  const Scenario scenario = parse(text, {"policies.second.of.curated=0.5"});
  CHECK(scenario.policies[2].plugin.node["of"]["curated"].Scalar() == "1");
  CHECK(scenario.policies[3].plugin.node["of"]["curated"].Scalar() == "0.5");
}

TEST_CASE("a bad --set says so, with the whole assignment and the key") {
  CHECK_THAT(error_with_set("log.pags=7"),
             Catch::StartsWith("--set log.pags=7: log.pags: unknown key 'pags'") &&
                 Catch::Contains("did you mean 'pages'?"));
  CHECK_THAT(error_with_set("log.pages=-7"),
             Catch::StartsWith("--set log.pages=-7: log.pages: expected an integer"));
  CHECK_THAT(error_with_set("policies.curatd.order=[]"), Catch::Contains("did you mean 'curated'"));
  CHECK_THAT(error_with_set("policies[3].type=uniform"), Catch::Contains("has 3 elements"));
  CHECK_THAT(error_with_set("seed.a=1"), Catch::Contains("seed is '3' and has no keys"));
  CHECK_THAT(error_with_set("log[0]=1"), Catch::Contains("log is not a list"));
  CHECK_THAT(error_with_set("log.pages"), Catch::Contains("expected KEY=VALUE"));
  for (const char* key : {"=1", ".a=1", "a..b=1", "a.=1", "a[=1", "a[x]=1", "[0]=1"})
    CHECK_THAT(error_with_set(key), Catch::StartsWith(std::string("--set ") + key));
  CHECK_THAT(error_with_set("log.pages=[1"), Catch::Contains("not valid YAML"));
}

TEST_CASE("names that lead nowhere are refused before anything runs, with their place") {
  CHECK_THAT(error_with("type: uniform", "type: unform"),
             Catch::StartsWith("s.yaml:9:26: policies[1].type: unknown policy 'unform'") &&
                 Catch::Contains("did you mean 'uniform'?"));
  CHECK_THAT(error_with("random: 0.25", "randm: 0.25"),
             Catch::Contains("policies[2].of.randm") && Catch::Contains("did you mean 'random'?"));
  CHECK_THAT(error_with("policy: logging", "policy: loging"),
             Catch::StartsWith("s.yaml:11:15: log.policy: unknown policy 'loging'"));
  CHECK_THAT(error_with("policy: logging, ", ""), Catch::Contains("log.policy: is missing"));
  CHECK_THAT(error_with("baseline: curated", "baseline: x"), Catch::Contains("live.baseline"));
  CHECK_THAT(error_with("name: random", "name: curated"),
             Catch::StartsWith("s.yaml:9:12: policies[1].name: two policies are called 'curated'"));
  CHECK_THAT(error_with("name: random", "name: ../x"), Catch::Contains("is not a name"));
  CHECK_THAT(error_with("{type: item_page, users", "{type: item_pag, users"),
             Catch::Contains("unknown world 'item_pag'"));
  CHECK_THAT(error_with("users: {type: item_page}", "users: {typ: item_page}"),
             Catch::Contains("users.type: is missing"));
  CHECK_THAT(error_with("users: {type: item_page}\n", ""), Catch::Contains("users: is missing"));
  CHECK_THAT(error_with("metric: ctr", "metric: revenue"),
             Catch::StartsWith("s.yaml:13:16: gate.metric: unknown metric"));
  CHECK_THAT(error_with("metric: ctr", "guardrails: {revenue: 0}"),
             Catch::Contains("gate.guardrails.revenue"));
  CHECK_THAT(error_with("metric: ctr", "estimator: sndr"), Catch::Contains("gate.estimator"));
  CHECK_THAT(error_with("gate:", "estimate: {estimators: [iips, drr]}\ngate:"),
             Catch::Contains("estimate.estimators: unknown estimator 'drr'; did you mean 'dr'?"));
  CHECK_THAT(error_with("gate:", "estimate: {estimators: [sgdr_2]}\ngate:"),
             Catch::Contains("estimate.estimators: sgdr_2: lambda is 2, allowed is [0, 1]"));
  CHECK_THAT(error_with("gate:", "estimate: {estimators: [iips, ix_0.1]}\ngate:"),
             Catch::Contains("estimate.estimators: ix_0.1: scores single actions"));
  CHECK_THAT(error_with("gate:", "estimate: {estimators: [iips, ipw, ips]}\ngate:"),
             Catch::Contains("a name stands here twice"));
  CHECK_THAT(error_with("metric: ctr", "candidates: [curated]"),
             Catch::Contains("it is the baseline"));
  CHECK_THAT(error_with("gate:", "estimate: {log_subset: dice}\ngate:"),
             Catch::Contains("estimate.log_subset") && Catch::Contains("all, curated, random"));
  CHECK_THAT(error_with("world:", "worlds:"), Catch::Contains("several worlds"));
}

TEST_CASE("values that cannot be are refused before anything runs") {
  CHECK_THAT(error_with("0.75", "0.5"), Catch::Contains("s.yaml:10:"));
  CHECK_THAT(error_with("0.75", "1.75"), Catch::Contains("of.curated: expected a number"));
  CHECK_THAT(error_with("pages: 500", "pages: many"),
             Catch::StartsWith("s.yaml:11:31: log.pages: expected an integer"));
  CHECK_THAT(error_with("pages: 500", "pages: 0"), Catch::Contains("found '0'"));
  CHECK_THAT(error_with("users: 100", "users: -5"), Catch::Contains("world.users"));
  CHECK_THAT(error_with("users: 100", "usrs: 100"), Catch::Contains("did you mean 'users'?"));
  CHECK_THAT(error_with("seed: 3", "seed: 3\nseed: 4"), Catch::Contains("twice"));
  CHECK_THAT(error_with("seed: 3", "sed: 3"), Catch::Contains("did you mean 'seed'?"));
  CHECK_THAT(error_with("seed: 3", "seed: -3"), Catch::Contains("s.yaml:2:7: seed"));
  CHECK_THAT(error_with("seed: 3", "estimate: {metrics: [ctr, ctr]}"), Catch::Contains("twice"));
  CHECK_THAT(error_with("seed: 3", "seed: ["), Catch::Contains("not valid YAML"));
  CHECK_THAT(error_with("seed: 3", "a: &x {b: *x}"), Catch::Contains("s.yaml"));
  CHECK_THAT(error_of("[]"), Catch::Contains("expected a mapping"));
  CHECK_THAT(error_of(""), Catch::Contains("expected a mapping, found nothing"));
  CHECK_THAT(error_of("a: 1\n---\nb: 1\n"), Catch::Contains("several YAML documents"));
}

TEST_CASE("an included file comes first and what stands in the file goes over it") {
  const TemporaryFolder folder;
  folder.write("base.yaml", kScenario);
  const std::string file = folder.write(
      "top.yaml", "include: base.yaml\nlog: {pages: 9}\nworld: {type: item_page, users: 50}\n");
  const Scenario scenario = load_scenario(file);
  CHECK(scenario.log.pages == 9);
  CHECK(scenario.log.policy == "logging");
  CHECK(scenario.world.node["users"].Scalar() == "50");
  CHECK(scenario.world.node["items"].Scalar() == "200");

  const std::string bad = folder.write("bad.yaml", "include: [base.yaml]\n\nlog: {pages: x}\n");
  CHECK_THROWS_WITH(load_scenario(bad), Catch::StartsWith(bad + ":3:14: log.pages:"));
  folder.write("base.yaml", replaced(kScenario, "pages: 500", "pages: y"));
  const std::string inherits = folder.write("inherits.yaml", "include: base.yaml\nseed: 1\n");
  CHECK_THROWS_WITH(load_scenario(inherits),
                    Catch::StartsWith(folder.path("base.yaml") + ":11:31: log.pages:"));
  CHECK_NOTHROW(load_scenario(file));
  CHECK_THROWS_WITH(load_scenario(folder.write("self.yaml", "include: self.yaml\n")),
                    Catch::Contains("includes itself"));
  CHECK_THROWS_WITH(load_scenario(folder.write("lost.yaml", "include: none.yaml\n")),
                    Catch::Contains("none.yaml: no such file"));
  CHECK_THROWS_WITH(load_scenario(folder.path()), Catch::Contains("not a file"));
}

TEST_CASE("estimators of a scenario are written in full with their hyper-parameters") {
  const std::string text = replaced(
      kScenario, "gate: {metric: ctr}",
      "estimate: {estimators: [ipw, dr_clip, dros_inf]}\ngate: {metric: ctr, estimator: ipw}");
  const Scenario scenario = parse(text);
  CHECK(scenario.estimate.estimators == std::vector<std::string>{"ips", "dr_clip_10", "dros_inf"});
  CHECK(scenario.gate.rule.estimator == "ips");
}
