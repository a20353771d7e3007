#include "tests/scenarios/program.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/support/source_folder.h"

using namespace rehearsal;

TEST_CASE("bad usage ends with status 2 and help with status 0") {
  CHECK(call_program({}).status == 2);
  CHECK(call_program({"lsit"}).status == 2);
  CHECK(call_program({"list", "planets"}).status == 2);
  CHECK(call_program({"list", "worlds", "--jsn"}).status == 2);
  const Called help = call_program({"--help"});
  CHECK(help.status == 0);
  CHECK_THAT(help.out, Catch::Contains("list") && Catch::Contains("Example"));
}

TEST_CASE("validate names what networks are given of a request, in order") {
  const std::string scenario = testing::source_folder() + "/scenarios/off_policy_learners.yaml";
  const Called inputs =
      call_program({"validate", scenario, "--inputs", "--set", "world.users=1000"});
  CHECK(inputs.status == 0);
  CHECK_THAT(inputs.out, Catch::Contains("device=") && Catch::Contains("\nhour_sin\n"));
  CHECK_THAT(inputs.out, !Catch::Contains("valid scenario"));
  const Called of_distillation = call_program(
      {"validate", testing::source_folder() + "/scenarios/cross_domain_distillation.yaml",
       "--inputs"});
  CHECK(of_distillation.status == 2);
  CHECK_THAT(of_distillation.err, Catch::Contains("--inputs is for a scenario of one world"));
}

TEST_CASE("list prints every table as text and as JSON, and an entry's keys") {
  for (const char* kind : {"worlds", "users", "policies", "rankers", "estimators", "outcomes"}) {
    INFO(kind);
    const Called text = call_program({"list", kind});
    const Called json = call_program({"list", kind, "--json"});
    CHECK(text.status == 0);
    REQUIRE(json.status == 0);
    for (const auto& entry : nlohmann::json::parse(json.out)) {
      const std::string name = entry.at("name").get<std::string>();
      CHECK_THAT(text.out, Catch::Contains(name + " "));
      const Called one = call_program({"list", kind, name});
      CHECK(one.status == 0);
      for (const auto& field : entry.at("fields"))
        CHECK_THAT(one.out, Catch::Contains(field.at("help").get<std::string>()));
    }
  }
  const Called unknown = call_program({"list", "policies", "nothing_like_it"});
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.err, Catch::Contains("unknown name 'nothing_like_it'"));
}
