#include "scenarios/probe.h"

#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/scenarios/program.h"

using namespace rehearsal;
using Json = nlohmann::json;
using Folder = rehearsal::TemporaryFolder;
using Numbers = std::vector<double>;

namespace {

const std::string kModel = "model: {type: dbn, gamma: 0.9}\n";
const std::string kPage =
    "page: [{attraction: [.5, .3, .2, .4], satisfaction: [.6, .5, .4, .3]}]\n";
const std::string kClicks = "clicks: [[1, 0, 1, 0]]\n";

void check_close(const Json& seen, const Numbers& expected) {
  REQUIRE(seen.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(seen[i].get<double>() == Approx(expected[i]).margin(1e-6).epsilon(0));
}

Json probed(const std::string& text) {
  return Json::parse(to_json(probe(parse_tree(text, "p.yaml"))));
}

std::vector<std::string> keys(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

}  // namespace

TEST_CASE("probe prints the exact quantities of a page as JSON", "[probe]") {
  const Folder folder;
  const std::string file = folder.write("page.yaml", kModel + kPage + kClicks);
  const Called called = call_program({"probe", file, "--json"});
  CHECK(called.err.empty());
  REQUIRE(called.status == 0);
  const Json result = Json::parse(called.out);
  CHECK(result.size() == 6);
  REQUIRE(result["click"].size() == 1);
  check_close(result["examination"][0], {1, .63, .48195, .399055});
  check_close(result["click"][0], {.5, .189, .09639, .159622});
  CHECK(result["log_likelihood"].get<double>() == Approx(-4.029618).margin(1e-6));
  check_close(result["conditional_click"][0], {.5, .36 * .3, .25426 * .2, .54 * .4});
  REQUIRE(result["n_clicks_pmf"].size() == 5);
  CHECK(result["n_clicks_pmf"][0] == result["p_no_click"]);
  double sum = 0, mean = 0;
  for (std::size_t k = 0; k < 5; ++k) {
    sum += result["n_clicks_pmf"][k].get<double>();
    mean += static_cast<double>(k) * result["n_clicks_pmf"][k].get<double>();
  }
  CHECK(sum == Approx(1));
  CHECK(mean == Approx(.5 + .189 + .09639 + .159622).margin(1e-5));
}

TEST_CASE("probe prints a table without --json", "[probe]") {
  const Folder folder;
  const Called called = call_program({"probe", folder.write("p.yaml", kModel + kPage + kClicks)});
  REQUIRE(called.status == 0);
  for (const char* part :
       {"dbn", "attraction", "0.630000", "0.096390", "log-likelihood", "-4.029618"})
    CHECK(called.out.find(part) != std::string::npos);
}

TEST_CASE("probe says nothing of clicks that are not given", "[probe]") {
  CHECK(keys(probed(kModel + kPage)) ==
        std::vector<std::string>{"click", "examination", "n_clicks_pmf", "p_no_click"});
  CHECK(to_text(probe(parse_tree(kModel + kPage, "p.yaml"))).find("likelihood") ==
        std::string::npos);
}

TEST_CASE("probe reads a page of several rows, of different lengths", "[probe]") {
  const Json result = probed(
      "model: {type: cascade}\npage: [{attraction: [.5, .3]}, {attraction: [.2]}]\n"
      "clicks: [[0, 0], [1]]\n");
  REQUIRE(result["click"].size() == 2);
  check_close(result["click"][0], {.5, .15});
  check_close(result["click"][1], {.07});
  check_close(result["conditional_click"][1], {.2});
  CHECK(result["n_clicks_pmf"].size() == 4);
}

TEST_CASE("probe takes the examination of a page from the page", "[probe]") {
  const Json result = probed(
      "model: {type: pbm}\npage: [{attraction: [.5, .3], examination: [1, .7]},\n"
      "       {attraction: [.2, .4], examination: [.5, .35]}]\n");
  check_close(result["click"][0], {.5, .21});
  check_close(result["click"][1], {.1, .14});
}

TEST_CASE("probe refuses a bad file with file, line, column and key", "[probe]") {
  const std::vector<std::pair<std::string, std::string>> all{
      {kPage, "model: is missing"},
      {kModel, "page: is missing"},
      {kModel + kPage + "click: [[1]]\n",
       "p.yaml:3:1: click: unknown key 'click'; did you mean 'clicks'"},
      {"model: {type: dbnn}\n" + kPage,
       "p.yaml:1:15: model.type: unknown click model 'dbnn'; did you mean 'dbn'"},
      {"model: {gamma: 1}\n" + kPage, "model.type: is missing"},
      {"model: {type: dbn, gama: 1}\n" + kPage, "model.gama: unknown key 'gama'"},
      {"model: {type: dbn, gamma: 1.5}\n" + kPage, "p.yaml:1:27: model.gamma: expected a number"},
      {"model: {type: dcm, lambda: [1]}\n" + kPage,
       "p.yaml:1:8: model: lambda: has 1 entries, this page needs 3"},
      {kModel + "page: []\n", "p.yaml:2:7: page: expected a list of rows"},
      {kModel + "page: [{satisfaction: [1]}]\n", "page[0].attraction"},
      {kModel + "page: [{attraction: [.5, .2]}]\n",
       "p.yaml:2:8: page[0].satisfaction: is missing; model dbn needs it"},
      {kModel + "page: [{attraction: [.5, .2], satisfaction: [.5]}]\n",
       "p.yaml:2:45: page[0].satisfaction: has 1 entries; the row has 2 items"},
      {kModel + "page: [{attraction: [.5], satisfaction: [.5]}, {attraction: [.5]}]\n",
       "page[1].satisfaction: expected in every row"},
      {kModel + "page: [{attraction: [.5]}, {attraction: [.5], satisfaction: [.5]}]\n",
       "page[1].satisfaction: expected in every row"},
      {kModel + "page: [{attraction: [1.5]}]\n", "page[0].attraction[0]: expected a number [0, 1]"},
      {kModel + "page: [{attraction: [.nan]}]\n", "page[0].attraction[0]"},
      {kModel + "page: [{attraction: [.5], relevance: [1]}]\n", "unknown key 'relevance'"},
      {kModel + kPage + "clicks: [[1, 0, 2, 0]]\n", "p.yaml:3:17: clicks[0][2]"},
      {kModel + kPage + "clicks: [[1, 0, .5, 0]]\n", "clicks[0][2]: expected 0 or 1, found '.5'"},
      {kModel + kPage + "clicks: [[1, 0, 1]]\n", "clicks[0]: has 3 entries; the page's row has 4"},
      {kModel + kPage + "clicks: [[1, 0, 1, 0], [0]]\n", "clicks: has 2 rows; the page has 1"},
      {kModel + kPage + "clicks: [1, 0, 1, 0]\n", "clicks[0]: expected a list"}};
  for (const auto& [text, part] : all) {
    INFO(text);
    try {
      probe(parse_tree(text, "p.yaml"));
      FAIL_CHECK("accepted");
    } catch (const Error& error) {
      INFO(error.what());
      CHECK(error.kind() == ErrorKind::kInput);
      CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
  }
}

TEST_CASE("a bad probe file ends the program with status 2", "[probe]") {
  const Folder folder;
  const std::string file = folder.write("p.yaml", kModel + "page: [{attraction: [2]}]\n");
  const Called called = call_program({"probe", file});
  CHECK(called.status == 2);
  CHECK(called.out.empty());
  CHECK(called.err.find("p.yaml:2:22: page[0].attraction[0]") != std::string::npos);
  CHECK(call_program({"probe", folder.path("none.yaml")}).status == 2);
}
