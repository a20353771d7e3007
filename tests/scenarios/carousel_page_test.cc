#include <nlohmann/json.hpp>

#include "sim/log/log.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"
#include "tests/support/source_folder.h"
#include "users/click_model.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

const std::string kCarouselPage = testing::source_folder() + "/scenarios/carousel_page.yaml";

/// Runs a scenario file, small. Returns: results.json.
Json run_small(const std::string& file, const std::vector<std::string>& settings) {
  const TemporaryFolder folder;
  std::vector<std::string> call{"run", file, "--out", folder.path("run"), "--threads", "1"};
  for (const std::string& setting : settings) {
    call.push_back("--set");
    call.push_back(setting);
  }
  const Called called = call_program(call);
  INFO(called.err);
  REQUIRE(called.status == 0);
  return Json::parse(bytes_of(folder.path("run/results.json")));
}

double live(const Json& results, const std::string& policy, const std::string& metric) {
  for (const Json& candidate : results["policies"])
    if (candidate["name"] == policy) return candidate["live"][metric]["value"];
  FAIL("no policy " << policy);
  return 0;
}

/// A small scenario whose users read pages as a click model does.
std::string scenario_of(const std::string& users) {
  return "name: small\n"
         "world: {type: catalogue, users: 100, items: 400, modules: 3, slots: 2, candidates: 4, "
         "positions: 3}\n"
         "users: {" +
         users +
         "}\n"
         "policies:\n"
         "  - {name: random, type: uniform}\n"
         "  - {name: curated, type: static_order}\n"
         "  - {name: popular, type: popularity}\n"
         "log: {policy: random, pages: 1500}\n"
         "estimate: {metrics: [ctr, dwell], estimators: [iips, snips]}\n"
         "live: {baseline: curated, pages: 600, metrics: [ctr, dwell, carts]}\n"
         "gate: {estimator: iips}\n";
}

/// Keys that a model cannot do without on six cells.
std::string keys_of(const std::string& model) {
  if (model == "dcm") return ", lambda: [0.7, 0.6, 0.5, 0.5, 0.5]";
  if (model == "ubm")
    return ", gamma: [[1], [0.8, 0.9], [0.6, 0.7, 0.9], [0.5, 0.5, 0.6, 0.8], [0.4, 0.4, 0.5, 0.6, "
           "0.8], [0.3, 0.3, 0.4, 0.5, 0.6, 0.8]]";
  return "";
}

}  // namespace

TEST_CASE("the carousel page's scenario runs, and no policy beats the oracle on clicks") {
  const Json results = run_small(
      kCarouselPage, {"world.users=300", "world.items=600", "log.pages=6000", "live.pages=3000"});
  const double best = live(results, "oracle_click", "ctr");
  for (const Json& policy : results["policies"]) {
    INFO(policy["name"]);
    for (const auto& [metric, value] : policy["live"].items()) CHECK(value["exact"] == true);
    CHECK(policy["live"]["ctr"]["value"] <= best);
  }
}

TEST_CASE("every click model's users run from log to decision") {
  for (const ClickModelEntry& model : click_models().entries()) {
    INFO(model.name);
    const TemporaryFolder folder;
    const std::string file = folder.path("scenario.yaml");
    write_text_atomically(file, scenario_of("type: " + model.name + keys_of(model.name)));
    const Json results = run_small(file, {});
    for (const Json& policy : results["policies"]) {
      CHECK(policy["live"]["ctr"]["value"] > 0);
      CHECK(policy["live"]["dwell"]["exact"] == true);
      CHECK(policy["estimates"].size() == 4);
    }
  }
}

TEST_CASE("a catalogue of one row is a ranked list, and users who never return leave fewer pages") {
  const TemporaryFolder folder;
  const std::string file = folder.path("scenario.yaml");
  write_text_atomically(
      file,
      "world: {type: catalogue, users: 300, items: 300, modules: 1, slots: 1, candidates: 6, "
      "positions: 3}\n"
      "users: {type: dbn, over_time: {return_logit: -2, churn_days: 3, leave: 0.5}}\n"
      "policies:\n"
      "  - {name: random, type: ranked_list, ranker: {type: uniform}}\n"
      "  - {name: soft, type: ranked_list, ranker: {type: plackett_luce, weights: {popularity: "
      "1}}}\n"
      "  - {name: logging, type: mixture, of: {random: 0.5, soft: 0.5}}\n"
      "log: {policy: logging, pages: 6000}\n"
      "estimate: {metrics: [ctr], estimators: [iips, rips, snips, dr]}\n"
      "live: {baseline: random, pages: 3000, metrics: [ctr]}\n"
      "gate: {estimator: rips}\n");
  const Json results = run_small(file, {});
  CHECK(results["log"]["rounds"] > 300);
  CHECK(results["log"]["rounds"] < 5000);  // a session is 2 pages, and 0.68 never come back
  CHECK(live(results, "soft", "ctr") > live(results, "random", "ctr"));
  for (const Json& policy : results["policies"])
    for (const Json& estimate : policy["estimates"])
      CHECK(estimate["max_weight"] <= 2 + 1e-9);  // half of the log is each part
}

TEST_CASE("users that the world or its pages cannot carry are refused with the key") {
  const TemporaryFolder folder;
  const std::string file = folder.path("scenario.yaml");
  const auto refusal = [&](const std::string& users) {
    write_text_atomically(file, scenario_of(users));
    const Called called = call_program({"validate", file});
    CHECK(called.status == 2);
    return called.err;
  };
  CHECK_THAT(refusal("type: dcm, lambda: [0.5]"), Catch::Contains("lambda: has 1 entries"));
  CHECK_THAT(refusal("type: dbn, gamma: 1.5"), Catch::Contains("users.gamma: expected"));
  CHECK_THAT(refusal("type: dbn, attraction: {logit: .nan}"),
             Catch::Contains("users.attraction.logit"));
  CHECK_THAT(refusal("type: dbn, attraction: {daypart: [1, 2]}"), Catch::Contains("daypart"));
  CHECK_THAT(refusal("type: item_page"), Catch::Contains("needs a world of type item_page"));
  CHECK_THAT(refusal("type: carousel_page, no_click: {continue: 0.5, leave_row: 0.2, exit: 0.2}"),
             Catch::Contains("no_click"));
}
