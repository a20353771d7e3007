#include "scenarios/distillation/distillation.h"

#include <nlohmann/json.hpp>

#include "scenarios/distillation/acceptance.h"
#include "scenarios/distillation/run.h"
#include "sim/core/error.h"
#include "sim/log/log.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;

namespace {

const std::string kFile = testing::source_folder() + "/scenarios/cross_domain_distillation.yaml";

/// The scenario, small enough for a test.
Tree small_tree() {
  Tree tree = load_tree(kFile);
  for (const char* change :
       {"worlds.video.log.pages=600", "worlds.homepage.log.pages=250", "worlds.radio.log.pages=500",
        "worlds.video.world.users=50", "worlds.homepage.world.users=50",
        "worlds.radio.world.users=50", "distillation.students.homepage.test_pages=400",
        "distillation.students.radio.test_pages=900", "distillation.live.days=2",
        "distillation.teachers.teacher.ranker.network.hidden=[24]"})
    set_assignment(tree, change);
  // The live world stands for itself.
  for (const char* world : {"homepage", "radio"})
    set_assignment(tree, "worlds." + std::string(world) + ".live_world={visit_days: 1, users: 50}");
  return tree;
}

Results run_in(const TemporaryFolder& folder, const std::string& name, int threads,
               const Tree& tree) {
  RunOptions options;
  options.threads = threads;
  return run_distillation(parse_distillation(tree), make_run_folder(folder.path(name), false),
                          options);
}

const PolicyResult& policy_of(const Results& results, const std::string& name) {
  for (const PolicyResult& policy : results.policies)
    if (policy.name == name) return policy;
  FAIL("no policy " << name);
  return results.policies[0];
}

/// Refused with a message that has each of `parts`.
void check_refused(const std::string& change, const std::vector<std::string>& parts) {
  Tree tree = load_tree(kFile);
  set_assignment(tree, change);
  INFO(change);
  try {
    check_distillation(parse_distillation(tree));
    FAIL("accepted");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    for (const std::string& part : parts) CHECK_THAT(error.what(), Catch::Contains(part));
  }
}

/// A run whose homepage arms have these click AUCs.
Results made_up(double control, double teacher, double auxiliary, double placebo) {
  Results results;
  const auto add = [&](const std::string& arm, double auc, double r2, double calibration) {
    PolicyResult policy;
    policy.name = "homepage." + arm;
    policy.offline = {
        {"click_auc", auc},     {"click_auc_new", auc + (auc - control)}, {"trail_r2", r2},
        {"discovery_auc", auc}, {"click_calibration", calibration},       {"served_identical", 1}};
    results.policies.push_back(policy);
  };
  add("control", control, 0.3, 1);
  add("teacher", teacher, 0.2, 1.5);
  add("auxiliary", auxiliary, 0.3 + (auxiliary - control), 1);
  add("direct", control - 0.01, 0.2, 0.9);
  add("placebo", placebo, 0.3, 1);
  return results;
}

std::vector<std::optional<bool>> verdicts(const std::vector<Point>& points) {
  std::vector<std::optional<bool>> out;
  for (const Point& point : points) out.push_back(point.holds);
  return out;
}

}  // namespace

TEST_CASE("distillation: a run is the same for any number of threads, down to the bytes",
          "[distillation]") {
  const TemporaryFolder folder;
  const Tree tree = small_tree();
  const Results one = run_in(folder, "one", 1, tree);
  run_in(folder, "three", 3, tree);
  CHECK(bytes_of(folder.path("one/results.json")) == bytes_of(folder.path("three/results.json")));
  CHECK(bytes_of(folder.path("one/policies/homepage.auxiliary/state.h5")) ==
        bytes_of(folder.path("three/policies/homepage.auxiliary/state.h5")));

  // The teacher lacks four of ten inputs here, no student any; what is served is served alike.
  CHECK(policy_of(one, "homepage.teacher").offline.at("missing_inputs") == Approx(0.4));
  CHECK(policy_of(one, "homepage.control").offline.at("missing_inputs") == 0);
  for (const char* arm : {"control", "auxiliary", "direct", "affine", "placebo"})
    CHECK(policy_of(one, "homepage." + std::string(arm)).offline.at("served_identical") == 1);
  // Arms go live in pairs; the teacher does not.
  CHECK(policy_of(one, "homepage.auxiliary").lift.contains("new_release_engagement"));
  CHECK(policy_of(one, "homepage.auxiliary").live.at("engagement").exact);
  CHECK(!policy_of(one, "homepage.teacher").live.contains("engagement"));
  CHECK(policy_of(one, "homepage.teacher").live.at("engagement_frozen").exact);
  const auto json = nlohmann::json::parse(bytes_of(folder.path("one/results.json")));
  CHECK(json.at("distillation").at("points").size() == 8);
  CHECK(read_results(RunFolder(folder.path("one"))).policies.size() == one.policies.size());
}

TEST_CASE("distillation: an arm without soft labels is the control in everything",
          "[distillation]") {
  const TemporaryFolder folder;
  Tree tree = small_tree();
  set_assignment(tree, "distillation.students.homepage.arms.auxiliary.set={}");
  const Results results = run_in(folder, "run", 2, tree);
  CHECK(policy_of(results, "homepage.auxiliary").offline ==
        policy_of(results, "homepage.control").offline);
  const PolicyResult& same = policy_of(results, "homepage.auxiliary");
  for (const auto& [metric, lift] : same.lift) CHECK(lift.lift.value == 0);
  // From the control's log too, beside what the frozen arms bring.
  CHECK(same.lift.contains("engagement_frozen"));
  REQUIRE(same.estimates.size() == 12);
  for (const Estimate& estimate : same.estimates) {
    CHECK_THAT(estimate.metric, Catch::EndsWith("_frozen"));
    CHECK(estimate.lift.value().value == 0);
  }
  CHECK_THAT(arms_table({&results}), Catch::Contains("from the control's log"));
}

TEST_CASE("distillation: the control's log may hold more exploration than it serves with",
          "[distillation]") {
  const TemporaryFolder folder;
  Tree tree = small_tree();
  set_assignment(tree, "distillation.live.days=0");
  set_assignment(tree, "distillation.estimate.estimators=[cell_marginal, sncell_marginal]");
  const Results own = run_in(folder, "own", 2, tree);
  set_assignment(tree, "distillation.estimate.exploration=0.03");
  const Results the_same = run_in(folder, "same", 2, tree);
  set_assignment(tree, "distillation.estimate.exploration=1");
  const Results random = run_in(folder, "random", 2, tree);
  for (const char* arm : {"homepage.control", "homepage.auxiliary", "radio.non_serving"}) {
    const PolicyResult &a = policy_of(own, arm), &b = policy_of(the_same, arm),
                       &c = policy_of(random, arm);
    REQUIRE(a.estimates.size() == 4);
    for (std::size_t e = 0; e < 4; ++e) {
      CHECK(a.estimates[e].value == b.estimates[e].value);
      // Nothing is rarer than one of eight items on one of six shelves, or of eight tracks.
      CHECK(c.estimates[e].max_weight < 48.0 + 1e-6);
    }
    // What is served, and its truth, is as it was.
    CHECK(a.lift.at("engagement_frozen").lift.value == c.lift.at("engagement_frozen").lift.value);
    CHECK(a.live.at("engagement_frozen").value == c.live.at("engagement_frozen").value);
  }
  // Its own pages weigh 1 in its own log only.
  CHECK(policy_of(own, "homepage.control").estimates[0].max_weight == Approx(1));
  CHECK(policy_of(random, "homepage.control").estimates[0].max_weight > 10);
}

TEST_CASE("distillation: the large teacher multiplies at least 25 times as often as the student",
          "[distillation]") {
  Tree tree = small_tree();
  const DistillationScenario whole = parse_distillation(load_tree(kFile));
  set_value(tree, "distillation.teachers.teacher.ranker.network.hidden",
            whole.teachers[0].ranker.node["network"]["hidden"], "test");
  set_assignment(tree, "distillation.live.days=0");
  const TemporaryFolder folder;
  const Results results = run_in(folder, "run", 2, tree);
  CHECK(policy_of(results, "homepage.teacher").offline.at("multiply_adds") >=
        25 * policy_of(results, "homepage.auxiliary").offline.at("multiply_adds"));
}

TEST_CASE("distillation: a resolved scenario means the same", "[distillation]") {
  const std::string text = to_yaml(parse_distillation(small_tree()));
  CHECK(to_yaml(parse_distillation(parse_tree(text, "resolved.yaml"))) == text);
}

TEST_CASE("distillation: bad scenarios are refused with their place", "[distillation]") {
  check_refused("distillation.students.homepage.world=homepge", {"homepge", "did you mean"});
  check_refused("distillation.students.homepage.control=nobody", {"unknown arm 'nobody'"});
  check_refused("distillation.students.homepage.live=[nobody]", {"unknown arm 'nobody'"});
  check_refused("distillation.students.homepage.arms.teacher.zero_shot=x", {"unknown teacher 'x'"});
  check_refused("distillation.students.homepage.arms.teacher.set={exploration: 0}",
                {"serves as it is"});
  check_refused("distillation.teachers.teacher.ranker.type=uniform", {"cannot be distilled"});
  check_refused("distillation.live.metrics=[ctrr]", {"ctrr"});
  check_refused("distillation.estimate.estimators=[iipz]", {"iipz", "estimators"});
  check_refused("distillation.estimate.estimators=[ix]", {"scores single actions"});
  check_refused("worlds.video.world.items=400", {"as many users and items"});
  check_refused("worlds.video.wrld={}", {"unknown key 'wrld'"});
  check_refused("distillation.students.homepage.arms.direct.set.distill=[{type: direkt}]",
                {"direkt"});
}

TEST_CASE("distillation: the program validates it and refuses a gate", "[distillation]") {
  CHECK(call_program({"validate", kFile}).status == 0);
  const Called gated = call_program({"run", kFile, "--gate", "homepage.auxiliary"});
  CHECK(gated.status == 2);
  CHECK_THAT(gated.err, Catch::Contains("no gate"));
}

TEST_CASE("distillation: points hold by their own statistic", "[distillation]") {
  std::vector<Results> worlds;
  for (const double noise : {-0.001, 0.0, 0.001})
    worlds.push_back(made_up(0.79, 0.75, 0.795 + noise, 0.7905));
  Runs runs;
  for (const Results& world : worlds) runs.push_back(&world);
  // 1, 2 homepage, 2 radio, 3, 4, 5, 7, 8; the radio is not there, nothing went live.
  CHECK(verdicts(points_of(runs)) == std::vector<std::optional<bool>>{true, true, std::nullopt,
                                                                      true, true, true, true,
                                                                      std::nullopt});
  // One world gives no t.
  CHECK(!points_of({&worlds[0]})[1].holds.has_value());
  // A teacher that is as good, a placebo that helps, a gain that comes and goes.
  std::vector<Results> others;
  for (const double noise : {-0.02, 0.0, 0.02})
    others.push_back(made_up(0.79, 0.785, 0.795 + noise, 0.80));
  Runs bad;
  for (const Results& world : others) bad.push_back(&world);
  const auto found = verdicts(points_of(bad));
  CHECK(found[0] == false);
  CHECK(found[1] == false);
  CHECK(found[5] == false);
}
