// `rehearsal fit users` through the program.
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "sim/log/log.h"
#include "tests/catch.h"
#include "tests/scenarios/obd_fixture.h"
#include "tests/scenarios/program.h"
#include "tests/support/shared_files.h"

using namespace rehearsal;
using namespace rehearsal::testing;
using Json = nlohmann::json;
using Folder = rehearsal::TemporaryFolder;

TEST_CASE("fit users writes what a scenario can include and what each item attracts", "[fit]") {
  const Folder folder;
  ObdFixture::write(folder.path("random"));
  const std::string log = folder.path("log");
  const std::string out = folder.path("model.yaml");
  const std::string items = folder.path("items.h5");
  REQUIRE(call_program({"import", "obd", folder.path("random"), "--out", log}).status == 0);
  const Called called = call_program({"fit", "users", log, "--model", "pbm", "--out", out,
                                      "--entities", items, "--held-out", "0.4"});
  INFO(called.err);
  REQUIRE(called.status == 0);
  for (const char* part : {"Held-out users", "perplexity at rank 3", "CTR by rank"})
    CHECK(called.out.find(part) != std::string::npos);
  const YAML::Node written = YAML::LoadFile(out);
  CHECK(written.size() == 1);
  CHECK(written["users"]["type"].as<std::string>() == "pbm");
  CHECK(written["users"]["examination"].size() == 3);
  CHECK(load_dataset(items + ":attraction").shape == std::vector<std::size_t>{3});
  const Called dbn = call_program({"fit", "users", log, "--model", "dbn"});
  CHECK(dbn.status == 2);
  CHECK(dbn.err.find("whole lists") != std::string::npos);
  CHECK(call_program({"fit", "users", log, "--model", "dnb"}).status == 2);
}

TEST_CASE("the real sample's position bias is fitted and each log predicts the other's CTR",
          "[fit]") {
  const std::string data = shared_file("data/obd");
  if (data.empty()) return;
  const Folder folder;
  for (const char* policy : {"random", "bts"})
    REQUIRE(
        call_program({"import", "obd", data + "/" + policy + "/men", "--out", folder.path(policy)})
            .status == 0);
  for (const auto& [fitted, other] : {std::pair{"random", "bts"}, {"bts", "random"}}) {
    const Called called = call_program({"fit", "users", folder.path(fitted), "--model", "pbm",
                                        "--compare", folder.path(other), "--json"});
    INFO(called.err);
    REQUIRE(called.status == 0);
    const Json report = Json::parse(called.out);
    const auto examination = report["parameters"]["examination"].get<std::vector<double>>();
    REQUIRE(examination.size() == 3);
    CHECK(examination[0] == 1);
    for (const double e : examination) CHECK((e > 0 && e <= 1));
    const Json& held_out = report["held_out"];
    const double perplexity = held_out["unconditional"]["perplexity"].get<double>();
    CHECK(perplexity > 1);
    // Single impressions have nothing above them.
    CHECK(held_out["conditional"] == held_out["unconditional"]);
    CHECK(perplexity < 1.02 * held_out["click_rate_by_rank"]["perplexity"].get<double>());
    // Its own CTR is met, up to what is pulled to the mean.
    const Json& own = report["fidelity"]["ctr"];
    CHECK(own["model"].get<double>() == Approx(own["log"].get<double>()).epsilon(.05));
    const Json& there = report["fidelity_other"]["ctr"];
    const double error = std::abs(there["model"].get<double>() - there["log"].get<double>());
    // Both logs err: the fitted one's clicks are as few.
    CHECK(error < 4 * std::hypot(own["stderr"].get<double>(), there["stderr"].get<double>()));
  }
}

TEST_CASE("fit users fits carousel_page to a simulated log and a scenario can include the result",
          "[fit]") {
  const Folder folder;
  const std::string scenario = folder.write(
      "page.yaml",
      "name: page\nseed: 1\n"
      "world: {type: catalogue, users: 500, items: 60, modules: 4, slots: 3, candidates: 8, "
      "positions: 6}\n"
      "users: {type: carousel_page, row_entry: 0.8, visible: 4, swipe_step: 2, "
      "attraction: {match: 0.1}}\n"
      "policies:\n  - {name: random, type: uniform}\n"
      "log: {policy: random, pages: 2000}\nlive: {baseline: random, pages: 100}\n");
  const std::string run = folder.path("run"), out = folder.path("model.yaml");
  REQUIRE(call_program({"simulate", scenario, "--out", run}).status == 0);
  const Called called = call_program({"fit", "users", run, "--model", "carousel_page", "--held",
                                      scenario, "--out", out, "--json"});
  INFO(called.err);
  REQUIRE(called.status == 0);
  const Json report = Json::parse(called.out);
  for (const char* key : {"row_entry", "next_row", "no_click.continue", "no_click.exit"})
    CHECK(report["fitted"][key]["stderr"].get<double>() > 0);
  const Json& held_out = report["held_out"];
  for (const char* which : {"conditional", "unconditional"})
    CHECK(held_out[which]["log_likelihood"].get<double>() >
          held_out["click_rate_by_rank"]["log_likelihood"].get<double>());
  CHECK(YAML::LoadFile(out)["users"]["swipe_step"].as<int>() == 2);
  const std::string again = folder.write(
      "again.yaml",
      "include: model.yaml\nname: again\nseed: 1\n"
      "world: {type: catalogue, users: 500, items: 60, modules: 4, slots: 3, candidates: 8, "
      "positions: 6}\n"
      "policies:\n  - {name: random, type: uniform}\n"
      "log: {policy: random, pages: 100}\nlive: {baseline: random, pages: 100}\n");
  const Called validated = call_program({"validate", again});
  INFO(validated.err);
  CHECK(validated.status == 0);
  const Called list = call_program({"fit", "users", run, "--model", "pbm", "--held", scenario});
  CHECK(list.status == 2);
  CHECK(list.err.find("nothing is held in a fit of pbm") != std::string::npos);
}
