#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "scenarios/run.h"
#include "scenarios/serve/serve.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_items.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"
#include "tests/scenarios/request_of.h"
#include "tests/support/source_folder.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

std::string lines_of(const RequestBatch& requests) {
  std::string text;
  for (std::size_t i = 0; i < requests.size(); ++i)
    text += request_of(requests, i, {{"user", requests.user[i]}}).dump() + "\n";
  return text;
}

std::vector<Json> parsed(const std::string& text) {
  std::vector<Json> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) all.push_back(Json::parse(line));
  return all;
}

/// A saved policy of the small site.
struct Saved {
  TemporaryFolder folder;
  std::string path = folder.path("policy");

  explicit Saved(const std::string& fields = "type: thompson, ranker: {type: plackett_luce}") {
    const Schema schema = small::schema();
    const auto policy = small::policy("{name: served, " + fields + "}", schema);
    small::write_log(folder.path("log"), schema, *small::behavior(schema), 1, 500, Rng(21));
    const LogReader log(folder.path("log"));
    policy->fit({source_of(log), Rng(2), "served"});
    save_policy(*policy, policy->config(), path);
    save_policy_schema(schema, path);
  }
  Called rank(const std::string& input, const std::string& options = "") const {
    const std::string program =
        (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "rehearsal").string();
    folder.write("in", input);
    const std::string command = program + " rank --policy " + path + " " + options + " <" +
                                folder.path("in") + " >" + folder.path("out") + " 2>" +
                                folder.path("err");
    const int status = std::system(command.c_str());
    return {WEXITSTATUS(status), bytes_of(folder.path("out")), bytes_of(folder.path("err"))};
  }
};

/// Serves text through two files.
std::vector<Json> serve_text(const ServedPolicy& served, const std::string& text, Served* summary,
                             std::size_t most = 64) {
  const TemporaryFolder folder;
  folder.write("in", text);
  FILE* in = std::fopen(folder.path("in").c_str(), "r");
  FILE* out = std::fopen(folder.path("out").c_str(), "w");
  const Served done = serve(served, Rng(5), fileno(in), fileno(out), {most});
  std::fclose(in);
  std::fclose(out);
  if (summary != nullptr) *summary = done;
  return parsed(bytes_of(folder.path("out")));
}

}  // namespace

TEST_CASE("a served page is what the policy shows in its own process, with its propensity",
          "[rank]") {
  const Saved saved;
  const ServedPolicy served = load_served_policy(saved.path);
  const RequestBatch requests = small::requests(150, Rng(9));
  Propensities expected;
  const PageBatch pages = recommend(*served.policy, requests, Rng(5), &expected);
  Served summary;
  const std::vector<Json> answers = serve_text(served, lines_of(requests), &summary, 64);
  REQUIRE(answers.size() == 150);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CHECK(answers[i]["id"] == i);
    CHECK(answers[i]["pscore"].get<double>() == expected.pscore[i]);
    const Json& page = answers[i]["page"];
    REQUIRE(page.size() == pages.n_shown(i));
    for (std::size_t k = 0; k < page.size(); ++k) {
      const std::size_t slot = pages.slot_offsets[i] + k;
      CHECK(page[k]["module"] == small::schema().modules[pages.module[slot]]);
      CHECK(page[k]["items"].get<std::vector<std::uint32_t>>() ==
            std::vector<std::uint32_t>(pages.item.begin() + pages.item_offsets[slot],
                                       pages.item.begin() + pages.item_offsets[slot + 1]));
    }
  }
  CHECK(summary.n_batches == 3);
  CHECK(summary.scoring.size() == 150);
  CHECK(summary.end_to_end.size() == 150);
  CHECK(summary.exit_status() == 0);
}

TEST_CASE("a request gets the same page in any batch, at any place, and when it is sent again",
          "[rank]") {
  const Saved saved;
  const ServedPolicy served = load_served_policy(saved.path);
  const RequestBatch requests = small::requests(40, Rng(9));
  std::string forwards, backwards;
  for (std::size_t i = 0; i < 40; ++i) {
    const std::string line = request_of(requests, i, {{"id", "r" + std::to_string(i)}}).dump();
    forwards += line + "\n";
    backwards = line + "\n" + backwards;
  }
  const auto answers = serve_text(served, forwards, nullptr, 64);
  auto reversed = serve_text(served, backwards, nullptr, 7);
  std::reverse(reversed.begin(), reversed.end());
  CHECK(answers == reversed);
  // The draws of different ids differ.
  std::set<std::string> pages;
  std::string same;
  for (std::size_t i = 0; i < 60; ++i) same += request_of(requests, 0, {{"id", i}}).dump() + "\n";
  for (const Json& answer : serve_text(served, same, nullptr)) pages.insert(answer["page"].dump());
  CHECK(pages.size() > 5);
}

TEST_CASE("what is known of an item for a request is given with it, where the policy reads it",
          "[rank]") {
  const Schema schema = small::item_schema();
  const std::vector<LogBatch> log = small::item_shards(1, 800, 20, schema);
  const auto policy = small::policy(
      "{name: net, type: multi_task_ranker, inputs: [context.taste, candidate.plays], tasks: "
      "[{name: click, label: item_click}], train: {epochs: 2, batch: 64, learning_rate: 0.02}}",
      schema);
  policy->fit({source_of(schema, log), Rng(2), "net"});
  const TemporaryFolder folder;
  save_policy(*policy, policy->config(), folder.path("saved"));
  save_policy_schema(schema, folder.path("saved"));
  const ServedPolicy served = load_served_policy(folder.path("saved"));
  const RequestBatch requests = small::item_requests(80, Rng(9), schema);
  const PageBatch pages = recommend(*policy, requests, Rng(5), nullptr);
  std::string text;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Json turn{{"user", requests.user[i]}, {"session", requests.session[i]}};
    Json line = request_of(requests, i, turn, schema);
    if (i == 3) line["modules"][1].erase("features");
    text += line.dump() + "\n";
  }
  Served summary;
  const std::vector<Json> answers = serve_text(served, text, &summary);
  REQUIRE(answers.size() == requests.size());
  CHECK(summary.exit_status() == 3);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (i == 3) {
      CHECK_THAT(answers[i]["error"].get<std::string>(),
                 Catch::Contains("candidate.plays of item") && Catch::Contains("is missing"));
      continue;
    }
    std::vector<std::uint32_t> expected;
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot)
      for (std::size_t k = pages.item_offsets[slot]; k < pages.item_offsets[slot + 1]; ++k)
        expected.push_back(pages.item[k]);
    std::vector<std::uint32_t> items;
    for (const Json& module : answers[i]["page"])
      for (const Json& item : module["items"]) items.push_back(item);
    CHECK(items == expected);
  }
}

TEST_CASE("one bad line is answered by an error and the next lines are served, status 2",
          "[rank]") {
  const Saved saved("type: popularity");
  const RequestBatch requests = small::requests(3, Rng(4));
  Json bad = request_of(requests, 1);
  bad["context"].erase("taste");
  const Called called =
      saved.rank(request_of(requests, 0).dump() + "\n" + bad.dump() + "\nnonsense\n\n" +
                 request_of(requests, 2).dump());  // the last line has no end
  const std::vector<Json> answers = parsed(called.out);
  INFO(called.out << called.err);
  CHECK(called.status == 2);
  REQUIRE(answers.size() == 5);
  CHECK(answers[0].contains("page"));
  CHECK(answers[1]["id"] == 1);
  CHECK(answers[1]["line"] == 2);
  CHECK_THAT(answers[1]["error"].get<std::string>(), Catch::Contains("context.taste: is missing"));
  CHECK(answers[2]["id"].is_null());
  CHECK(answers[2].contains("error"));
  CHECK(answers[3].contains("error"));
  CHECK(answers[4]["id"] == 2);
  CHECK_THAT(called.err, Catch::Contains("3 answered with an error; the first: line 2: "
                                         "context.taste: is missing") &&
                             Catch::Contains("scoring and ordering  p50 ") &&
                             Catch::Contains("end to end            p50 "));
}

TEST_CASE("who asks line by line is answered before the next line", "[rank]") {
  const Saved saved("type: popularity");
  const ServedPolicy served = load_served_policy(saved.path);
  int to[2], from[2];
  REQUIRE((pipe(to) == 0 && pipe(from) == 0));
  Served summary;
  std::thread server([&] { summary = serve(served, Rng(1), to[0], from[1]); });
  const RequestBatch requests = small::requests(5, Rng(4));
  for (std::size_t i = 0; i < 5; ++i) {
    const std::string line = request_of(requests, i).dump() + "\n";
    REQUIRE(write(to[1], line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    std::string answer;
    for (char c = 0; c != '\n' && read(from[0], &c, 1) == 1;) answer += c;
    CHECK(Json::parse(answer)["id"] == i);
  }
  close(to[1]);
  server.join();
  for (const int file : {to[0], from[0], from[1]}) close(file);
  CHECK(summary.n_batches == 5);
}

TEST_CASE("a policy that fails for one request fails for that one alone", "[rank]") {
  const Schema schema = small::schema();
  ServedPolicy served{std::make_unique<const Schema>(schema), nullptr};
  // Not a number where there are three choices.
  served.policy = std::make_shared<testing::FunctionPolicy>(
      [](Offsets offsets, std::vector<std::uint16_t> n_positions) {
        std::vector<double> scores(offsets.back(), 1.0);
        for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
          if (offsets[i + 1] - offsets[i] == 3) scores[offsets[i]] = std::nan("");
        return make_deterministic(std::move(offsets), std::move(n_positions), std::move(scores));
      });
  const RequestBatch requests = small::requests(30, Rng(4));
  Served summary;
  const std::vector<Json> answers = serve_text(served, lines_of(requests), &summary);
  REQUIRE(answers.size() == 30);
  std::size_t n_failed = 0;
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(answers[i]["id"] == i);
    CHECK(answers[i].contains("error") == (requests.n_eligible(i) == 3));
    n_failed += answers[i].contains("error") ? 1 : 0;
  }
  CHECK(n_failed > 0);
  CHECK(summary.n_failed == n_failed);
  CHECK(summary.exit_status() == 3);
}

TEST_CASE("what a run saved is served as it stands, and a folder without a policy is refused",
          "[rank]") {
  const TemporaryFolder folder;
  const std::string tiny = testing::source_folder() + "/tests/scenarios/tiny.yaml";
  REQUIRE(call_program({"run", tiny, "--out", folder.path("run"), "--threads", "1"}).status == 0);
  const Scenario scenario = load_scenario(folder.path("run/scenario.yaml"));
  Setup setup = build(scenario);
  load_step(scenario, setup, RunFolder(folder.path("run")));
  for (const char* name : {"curated", "logging", "thompson"}) {
    INFO(name);
    const ServedPolicy served = load_served_policy(folder.path("run/policies/") + name);
    CHECK(served.schema->modules == setup.world->schema().modules);
    CHECK(served.schema->items == setup.world->schema().items);
    std::vector<Turn> turns;
    for (std::uint32_t user = 0; user < 50; ++user) turns.push_back({UserId{user}, 1, 0});
    RequestBatch requests;
    setup.world->requests(turns, setup.rng, requests);
    Propensities here, there;
    const PageBatch pages =
        recommend(*setup.policies[scenario.index_of(name)], requests, Rng(5), &here);
    CHECK(recommend(*served.policy, requests, Rng(5), &there).module == pages.module);
    CHECK(here.pscore == there.pscore);
  }
  const Called nothing = call_program({"rank", "--policy", folder.path("run")});
  CHECK(nothing.status == 2);
  CHECK_THAT(nothing.err, Catch::Contains("is not the folder of a saved policy"));
  std::filesystem::remove(folder.path("run/policies/curated/catalogue.h5"));
  CHECK_THAT(call_program({"rank", "--policy", folder.path("run/policies/curated")}).err,
             Catch::Contains("catalogue.h5: is not there"));
  CHECK(std::filesystem::exists(folder.path("run/policies/random/catalogue.h5")));
}

TEST_CASE("latencies are told to a bucket of 1.1 per cent", "[rank]") {
  Latencies latencies;
  CHECK(latencies.quantile(0.5) == 0);
  for (int i = 1; i <= 1000; ++i) latencies.add(i * 1e-6);
  CHECK(latencies.quantile(0.5) == Approx(500e-6).epsilon(0.012));
  CHECK(latencies.quantile(0.99) == Approx(990e-6).epsilon(0.012));
  latencies.add(1.0, 100000);
  CHECK(latencies.quantile(0.5) == Approx(1).epsilon(0.012));
}
