#include "sim/encoder.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

Schema small_schema() {
  Schema schema;
  schema.features = {{"hour", {}, ""},
                     {"device", {"desktop", "mobile"}, ""},
                     {"buyer", {"new", "browser", "buyer"}, ""}};
  schema.modules = {"a", "b", "c"};
  schema.n_slots = 2;
  return schema;
}

}  // namespace

TEST_CASE("encoding keeps numbers and makes categories one-hot without their first level") {
  const Encoder encoder(small_schema());
  CHECK(encoder.names() ==
        std::vector<std::string>{"hour", "device=mobile", "buyer=browser", "buyer=buyer"});
  RequestBatch requests;
  requests.n_features = 3;
  requests.context = {0.5f, 0, 0, -1.0f, 1, 2};
  requests.user = {0, 1};
  RowMatrixF out;
  encoder.encode(requests, out);
  const std::vector<float> expected{0.5f, 0, 0, 0, -1.0f, 1, 0, 1};
  CHECK(std::vector<float>(out.data(), out.data() + out.size()) == expected);
}

TEST_CASE("positions are numbered by device, then slot") {
  const Encoder encoder(small_schema());
  CHECK(encoder.n_positions() == 4);
  const std::vector<float> mobile{0, 1, 0};
  CHECK(encoder.position(mobile, 1) == 3);
  Schema plain = small_schema();
  plain.features[1].name = "tool";
  CHECK(Encoder(plain).n_positions() == 2);
  CHECK(Encoder(plain).position(mobile, 1) == 1);
}

TEST_CASE("an unknown category is refused by name") {
  const Encoder encoder(small_schema());
  std::vector<float> out(encoder.n_inputs());
  for (const float bad : {3.0f, -1.0f, 0.5f, std::nanf("")}) {
    const std::vector<float> context{0, 0, bad};
    CHECK_THROWS_AS(encoder.encode(context, out), Error);
  }
}
