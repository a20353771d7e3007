// Choices, intervals and segments through the program.

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "analysis/results.h"
#include "sim/log/log.h"
#include "tests/catch.h"
#include "tests/scenarios/obd_fixture.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/tiny.h"

using namespace rehearsal;
using rehearsal::testing::ObdFixture;
namespace fs = std::filesystem;

namespace {

/// A campaign of three items shown alike, and its log; item 2 is clicked most.
struct Campaign {
  static constexpr int kRows = 1200;
  TemporaryFolder folder;
  std::string log = folder.path("log");
  std::string arrays = folder.path("p.h5");

  Campaign() {
    const fs::path men = ObdFixture::write(folder.path("random"));
    std::ofstream rows(men / "men.csv");
    rows << ObdFixture::header();
    for (int i = 0; i < kRows; ++i) {
      const int item = i % 3, click = (i * 7) % 10 < 2 + 2 * item ? 1 : 0;
      rows << fmt::format("{},t,{},{},{},{:.17g},a,x,\"c,0\",d,0.0,0.0,1.0\n", i, item,
                          1 + (i / 3) % 3, click, 1.0 / 3);
    }
    rows.close();
    REQUIRE(call_program({"import", "obd", men.string(), "--out", log}).status == 0);
    save_arrays(arrays, {{"pi", {{3, 3}, {.1, .1, .1, .2, .2, .2, .7, .7, .7}}},
                         {"mu", {{3, 3}, std::vector<double>(9, 1.0 / 3)}},
                         {"off", {{3, 3}, {.2, .2, .2, .4, .4, .4, .4, .4, .4}}},
                         {"q", {{3, 3}, {.2, .2, .2, .4, .4, .4, .6, .6, .6}}}});
  }

  Called evaluate(const std::vector<std::string>& more) const {
    std::vector<std::string> all{"evaluate", log, "--policy", "bold=" + arrays + ":pi"};
    all.insert(all.end(), more.begin(), more.end());
    return call_program(all);
  }
};

const Campaign& campaign() {
  static const Campaign made;
  return made;
}

}  // namespace

TEST_CASE("a scenario's auto says what it chose and why, in the table and in results.json",
          "[choice][program]") {
  const TemporaryFolder folder;
  const std::string out = folder.path("run");
  const Called called =
      call_program({"run", kTiny, "--out", out, "--set", "estimate.estimators=auto", "--set",
                    "gate.estimator=auto", "--set", "estimate.segments=[device]"});
  INFO(called.err);
  REQUIRE(called.status == 0);
  CHECK_THAT(called.out, Catch::Contains("lift, estimated by auto"));
  CHECK_THAT(called.out, Catch::Contains("chosen "));
  CHECK_THAT(called.out, Catch::Contains("By segment, each interval at 95 % on its own"));
  CHECK_THAT(called.out, Catch::Contains("corrected (holm)"));
  const std::string text = bytes_of(out + "/results.json");
  const Results results = from_json(text, "results.json");
  CHECK(to_json(results) == text);
  for (const PolicyResult& policy : results.policies) {
    if (policy.estimates.empty()) continue;
    REQUIRE(policy.estimates.size() == 2);  // ctr and ptr
    REQUIRE(policy.estimates[0].choice);
    const Choice& choice = *policy.estimates[0].choice;
    CHECK(choice.rule == "slope");
    CHECK_THAT(choice.reason, Catch::StartsWith(choice.estimator + ": the narrowest of"));
    CHECK(policy.segments.size() == 2);
    CHECK(policy.segments[0].feature == "device");
  }
  CHECK_THAT(bytes_of(out + "/scenario.yaml"), Catch::Contains("estimators: auto"));
}

TEST_CASE("a scenario takes every interval by name, and a bound without its range is named by line",
          "[intervals][program]") {
  const TemporaryFolder folder;
  const std::vector<std::string> base{"run",
                                      kTiny,
                                      "--out",
                                      folder.path("run"),
                                      "--force",
                                      "--set",
                                      "estimate.estimators=[ips_clip_5]",
                                      "--set",
                                      "gate.estimator=ips_clip_5"};
  const auto run = [&](const std::vector<std::string>& assignments) {
    std::vector<std::string> all = base;
    for (const std::string& each : assignments) {
      all.emplace_back("--set");
      all.push_back(each);
    }
    return call_program(all);
  };
  const Called missing = run({"estimate.interval=hoeffding"});
  CHECK(missing.status == 2);
  CHECK_THAT(missing.err, Catch::Contains("estimate.reward_range: is missing"));
  const Called unknown = run({"estimate.interval=hoefding"});
  CHECK(unknown.status == 2);
  CHECK_THAT(unknown.err, Catch::Contains("betting_cs"));
  const Called bounded = run({"estimate.interval=hoeffding", "estimate.reward_range=[0, 30]"});
  INFO(bounded.err);
  REQUIRE(bounded.status == 0);
  const Results results = from_json(bytes_of(folder.path("run/results.json")), "results.json");
  for (const PolicyResult& policy : results.policies)
    for (const Estimate& e : policy.estimates) CHECK(e.high - e.low > 2 * 1.96 * e.standard_error);
  const Called number = run({"estimate.segments=[nothing]"});
  CHECK(number.status == 2);
  CHECK_THAT(number.err, Catch::Contains("estimate.segments"));
}

TEST_CASE("evaluate chooses on page logs, by segment and with any interval", "[choice][program]") {
  const TemporaryFolder folder;
  const std::string log = folder.path("log");
  REQUIRE(call_program({"simulate", kTiny, "--out", log}).status == 0);
  const Called called = call_program({"evaluate", log, "--policy", "random=uniform", "--estimators",
                                      "auto,ips_clip_5", "--interval", "bca_bootstrap",
                                      "--bootstrap", "40", "--segments", "device"});
  INFO(called.err);
  REQUIRE(called.status == 0);
  CHECK_THAT(called.out, Catch::Contains("the narrowest of 4"));  // no pi: the writer is not known
  CHECK_THAT(called.out, Catch::Contains("By segment"));
  const Called refused = call_program({"evaluate", log, "--policy", "random=uniform",
                                       "--estimators", "auto", "--selection", "pas_if"});
  CHECK(refused.status == 2);
  CHECK_THAT(refused.err, Catch::Contains("single recommendations"));
}

TEST_CASE("evaluate chooses on logs of single recommendations", "[choice][program]") {
  const auto chosen = [](const Called& called) {
    INFO(called.err);
    REQUIRE(called.status == 0);
    return nlohmann::json::parse(called.out)["policies"][0]["estimates"][0];
  };
  const auto plain = chosen(campaign().evaluate({"--estimators", "auto", "--json"}));
  CHECK(plain["estimator"] == "auto");
  CHECK(plain["choice"]["considered"].size() == 5);  // ips and clipped snips
  const auto modelled = chosen(
      campaign().evaluate({"--estimators", "auto", "--q-hat", campaign().arrays + ":q", "--json"}));
  CHECK(modelled["choice"]["considered"].size() == 13);
  CHECK(plain["warnings"].dump().find("propensities are estimated") == std::string::npos);
  const auto estimated =
      chosen(campaign().evaluate({"--estimators", "auto", "--behavior", "estimated", "--json"}));
  CHECK(estimated["choice"]["considered"].size() == 5);
  CHECK(estimated["warnings"].dump().find("propensities are estimated") != std::string::npos);
  CHECK(modelled["stderr"].get<double>() <= plain["stderr"].get<double>());
  CHECK(std::abs(modelled["value"].get<double>() - 0.52) <
        4 * modelled["stderr"].get<double>() + 0.02);
  const auto plus = chosen(campaign().evaluate(
      {"--estimators", "switch_ipw_auto", "--selection", "slope_plus_plus", "--json"}));
  CHECK(plus["estimator"] == "switch_ips_auto");
  CHECK(plus["choice"]["rule"] == "slope_plus_plus");
  const Called table = campaign().evaluate({"--estimators", "auto"});
  CHECK_THAT(table.out, Catch::Contains("bold, ctr, auto: " +
                                        plain["choice"]["estimator"].get<std::string>() + ": the"));
}

TEST_CASE("pas_if is asked for by name and needs to know what wrote the log", "[choice][program]") {
  const std::vector<std::string> ask{"--estimators", "ips_clip_auto", "--selection", "pas_if"};
  const auto with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = ask;
    all.insert(all.end(), more.begin(), more.end());
    return campaign().evaluate(all);
  };
  const Called silent = with({});
  CHECK(silent.status == 2);
  CHECK_THAT(silent.err, Catch::Contains("--behavior"));
  const Called wrong = with({"--behavior", campaign().arrays + ":off"});
  CHECK(wrong.status == 2);
  CHECK_THAT(wrong.err, Catch::Contains("gives the logged action of round 0 probability 0.2"));
  const Called uniform = with({"--behavior", "uniform", "--json"});
  INFO(uniform.err);
  REQUIRE(uniform.status == 0);
  const auto choice = nlohmann::json::parse(uniform.out)["policies"][0]["estimates"][0]["choice"];
  CHECK(choice["rule"] == "pas_if");
  CHECK(choice["considered"].size() == 4);
  double least = 1e9;
  std::string best;
  for (const auto& each : choice["considered"])
    if (each["rmse"].get<double>() < least) {
      least = each["rmse"].get<double>();
      best = each["estimator"].get<std::string>();
    }
  CHECK(choice["estimator"] == best);
  const Called stored = with({"--behavior", campaign().arrays + ":mu", "--json"});
  CHECK(stored.out == uniform.out);
  const Called estimated = with({"--behavior", "estimated"});
  CHECK(estimated.status == 2);
  CHECK_THAT(estimated.err, Catch::Contains("probabilities of every action"));
  const Called unread = campaign().evaluate({"--estimators", "auto", "--behavior", "uniform"});
  CHECK(unread.status == 2);
  CHECK_THAT(unread.err, Catch::Contains("--selection pas_if"));
}

TEST_CASE("evaluate bounds single recommendations when it is told their range",
          "[intervals][program]") {
  const std::vector<std::string> ask{"--estimators", "ips", "--interval", "hoeffding"};
  const Called silent = campaign().evaluate(ask);
  CHECK(silent.status == 2);
  CHECK_THAT(silent.err, Catch::Contains("reward_range: is missing"));
  std::vector<std::string> told = ask;
  for (const char* each : {"--reward-range", "0,1", "--max-weight", "2.1", "--json"})
    told.emplace_back(each);
  const Called called = campaign().evaluate(told);
  INFO(called.err);
  REQUIRE(called.status == 0);
  const auto e = nlohmann::json::parse(called.out)["policies"][0]["estimates"][0];
  CHECK(e["high"].get<double>() - e["value"].get<double>() ==
        Approx(2.1 * std::sqrt(std::log(40.0) / (2 * Campaign::kRows))).epsilon(1e-9));
}

TEST_CASE("list names intervals, with what they must be told, and rules of choice",
          "[choice][program]") {
  const Called intervals = call_program({"list", "intervals"});
  CHECK(intervals.status == 0);
  for (const char* name : {"student_t", "bca_bootstrap", "betting_cs", "asymptotic_cs"})
    CHECK_THAT(intervals.out, Catch::Contains(name));
  CHECK_THAT(call_program({"list", "intervals", "hoeffding"}).out,
             Catch::Contains("reward_range") && Catch::Contains("max_weight"));
  CHECK_THAT(call_program({"list", "slate_estimators"}).out,
             Catch::Contains("snaips") && Catch::Contains("snlips"));
  CHECK(call_program({"list", "session_estimators"}).status == 0);
  CHECK_THAT(call_program({"list", "selection"}).out, Catch::Contains("slope_plus_plus"));
}
