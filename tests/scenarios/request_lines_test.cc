#include "scenarios/serve/request_lines.h"

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_items.h"
#include "tests/scenarios/request_of.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

std::string why_refused(const Json& request, const Schema& schema = small::schema()) {
  RequestBatch batch;
  std::string id;
  try {
    RequestLines(schema).read(request.dump(), batch, id);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    CHECK(batch.size() == 0);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("modules may come in any order and categories go by their names", "[rank]") {
  const Schema schema = small::schema();
  const RequestLines lines(schema);
  const RequestBatch requests = small::requests(20, Rng(4));
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Json request = request_of(requests, i, {{"user", requests.user[i]}});
    std::reverse(request["modules"].begin(), request["modules"].end());
    RequestBatch read;
    std::string id;
    lines.read(request.dump(), read, id);
    const auto row = static_cast<std::uint32_t>(i);
    const RequestBatch expected = gather(requests, std::span(&row, 1));
    CHECK(id == std::to_string(i));
    CHECK(read.user == expected.user);
    CHECK(read.context == expected.context);
    CHECK(read.module == expected.module);
    CHECK(read.candidate == expected.candidate);
    CHECK(read.candidate_offsets == expected.candidate_offsets);
    CHECK(read.n_slots == expected.n_slots);
  }
}

TEST_CASE("what is wrong with a request is told by its key", "[rank]") {
  const RequestBatch requests = small::requests(1, Rng(4));
  const Json good = request_of(requests, 0);
  REQUIRE(why_refused(good).empty());
  const auto broken = [&](const std::string& pointer, const Json& value) {
    Json request = good;
    request[Json::json_pointer(pointer)] = value;
    return why_refused(request);
  };
  const auto without = [&](const std::string& key, const std::string& inner = "") {
    Json request = good;
    if (inner.empty())
      request.erase(key);
    else
      request[key].erase(inner);
    return why_refused(request);
  };
  using Catch::Contains;
  CHECK_THAT(broken("/context/device", "mobil"),
             Contains("context.device") && Contains("did you mean 'mobile'"));
  CHECK_THAT(broken("/context/device", 1), Contains("context.device: expected the name"));
  CHECK_THAT(broken("/context/taste", "high"), Contains("context.taste: expected a number"));
  CHECK_THAT(broken("/context/tast", 1), Contains("unknown feature 'tast'"));
  CHECK_THAT(without("context", "buyer"), Contains("context.buyer: is missing"));
  CHECK_THAT(without("id"), Contains("id: is missing"));
  CHECK_THAT(broken("/id", Json::array()), Contains("id: expected a text or a number"));
  CHECK_THAT(without("modules"), Contains("modules: is missing"));
  CHECK_THAT(broken("/modules/1/module", "betta"),
             Contains("modules[1].module") && Contains("did you mean 'beta'"));
  CHECK_THAT(broken("/modules/1/module", good["modules"][0]["module"]),
             Contains("modules[1].module") && Contains("stands twice"));
  CHECK_THAT(broken("/modules/0/items/1", 6), Contains("modules[0].items[1]: expected a whole"));
  CHECK_THAT(broken("/modules/0/items/1", -1), Contains("modules[0].items[1]"));
  CHECK_THAT(broken("/modules/0/items/1", good["modules"][0]["items"][0]),
             Contains("modules[0].items[1]") && Contains("stands twice"));
  CHECK_THAT(broken("/modules/0/itms", 1), Contains("unknown key 'itms'"));
  CHECK_THAT(broken("/usr", 1), Contains("unknown key 'usr'"));
  CHECK_THAT(broken("/session", 1), Contains("session: stands without"));
  CHECK_THAT(broken("/user", 4294967296), Contains("user: expected a whole number"));
}

TEST_CASE("features of an item that are wrong are told by their key", "[rank]") {
  const Schema schema = small::item_schema();
  const RequestBatch requests = small::item_requests(80, Rng(9), schema);
  const Json good = request_of(requests, 0, Json::object(), schema);
  REQUIRE(why_refused(good, schema).empty());
  const auto broken = [&](const std::string& pointer, const Json& value) {
    Json request = good;
    request[Json::json_pointer(pointer)] = value;
    return why_refused(request, schema);
  };
  using Catch::Contains;
  CHECK_THAT(
      broken("/modules/0/features/plays", Json::array({1, 2})),
      Contains("modules[0].features.plays: expected a list of 4 numbers") && Contains("found 2"));
  CHECK_THAT(broken("/modules/0/features/plays/1", "many"),
             Contains("modules[0].features.plays[1]: expected a number"));
  CHECK_THAT(broken("/modules/0/features/playz", 1), Contains("unknown key 'playz'"));
  CHECK_THAT(broken("/modules/0/features", Json::object()), Contains("plays: is missing"));
}
