#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"

using namespace rehearsal;

namespace {

constexpr char kClick[] =
    "{name: dnn, type: pointwise_orderer, train: {tasks: [click], hidden: []}}";

std::string both_tasks(const std::string& weight) {
  return "{name: dnn, type: pointwise_orderer, train: {tasks: [click, purchase], hidden: []}, "
         "purchase_weight: " +
         weight + "}";
}

/// A linear network of device, two buyer levels and taste: alpha is for the taste, beta against it,
/// gamma for collectors, delta a little for everyone; what delta's clicks are worth is high.
Arrays made_by_hand() {
  return {{"click.weight", {{4, 4}, {0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 3, 0, 0, 0, 0, 0}}},
          {"click.bias", {{4}, {-1, -1, -2.5, -1.25}}},
          {"purchase.weight", {{4, 4}, std::vector<double>(16, 0.0)}},
          {"purchase.bias", {{4}, {-3, -3, -3, 1}}},
          {"position", {{6}, {0, -1, -2, 0, -1, -2}}},
          {"input_mean", {{4}, {0, 0, 0, 0.5}}},
          {"input_sd", {{4}, {1, 1, 1, 2}}}};
}

/// One request of all four modules.
RequestBatch request(float device, float buyer, float taste) {
  RequestBatch batch;
  batch.n_features = 3;
  batch.user = {1};
  batch.session = {0};
  batch.round = {0};
  batch.n_slots = {3};
  batch.context = {device, buyer, taste};
  batch.module = {0, 1, 2, 3};
  batch.module_offsets = {0, 4};
  return batch;
}

std::vector<std::uint16_t> page_of(const Policy& policy, const RequestBatch& requests) {
  const PageBatch pages = recommend(policy, requests, Rng(1), nullptr);
  return pages.module;
}

using Order = std::vector<std::uint16_t>;

}  // namespace

TEST_CASE("pointwise_orderer orders by pCTR of the standardised request", "[pointwise]") {
  const Schema schema = small::schema();
  const std::shared_ptr<Policy> policy = small::policy(kClick, schema);
  policy->set_state(made_by_hand());
  CHECK(policy->deterministic());
  // taste 1.5 -> (1.5 - 0.5) / 2 = 0.5: logits -0.5, -1.5, -2.5, -1.25
  CHECK(page_of(*policy, request(0, 0, 1.5f)) == Order{0, 3, 1});
  // taste -0.5 -> -0.5: logits -1.5, -0.5, -2.5 + 3 for a collector, -1.25
  CHECK(page_of(*policy, request(1, 2, -0.5f)) == Order{2, 1, 3});
  // taste 0.5 -> 0: the tie of alpha and beta goes in the order of the modules
  CHECK(page_of(*policy, request(1, 1, 0.5f)) == Order{0, 1, 3});
}

TEST_CASE("pointwise_orderer with purchases orders by pCTR * (1 + w * pCVR)", "[pointwise]") {
  const Schema schema = small::schema();
  const auto page = [&](const std::string& weight, float taste) {
    const std::shared_ptr<Policy> policy = small::policy(both_tasks(weight), schema);
    policy->set_state(made_by_hand());
    return page_of(*policy, request(0, 0, taste));
  };
  CHECK(page("0", 1.5f) == Order{0, 3, 1});
  // pCTR .378 and .223, pCVR .047 and .731: alpha .378 (1 + .047 w) against delta .223 (1 + .731 w)
  // are equal at w = 1.06
  CHECK(page("1", 1.5f) == Order{0, 3, 1});
  CHECK(page("1.15", 1.5f) == Order{3, 0, 1});
}

TEST_CASE("pointwise_orderer gives a request the same page alone as in any batch", "[pointwise]") {
  const Schema schema = small::schema();
  const std::shared_ptr<Policy> policy = small::policy(both_tasks("20"), schema);
  policy->set_state(made_by_hand());
  const RequestBatch requests = small::requests(200, Rng(4));
  const PageBatch together = recommend(*policy, requests, Rng(1), nullptr);
  for (std::uint32_t i = 0; i < requests.size(); ++i) {
    const std::vector<std::uint32_t> row{i};
    const std::span<const std::uint16_t> shown = together.shown(i);
    CHECK(page_of(*policy, gather(requests, row)) == Order(shown.begin(), shown.end()));
  }
}

TEST_CASE("pointwise_orderer says what is wrong with its configuration or its state",
          "[pointwise]") {
  const Schema schema = small::schema();
  const auto make = [&](const std::string& rest) {
    return small::policy("{name: dnn, type: pointwise_orderer, " + rest + "}", schema);
  };
  CHECK_THROWS_WITH(make("train: {tasks: [purchase]}"),
                    Catch::Contains("must be [click] or [click, purchase]"));
  CHECK_THROWS_WITH(make("train: {epoch: 3}"), Catch::Contains("did you mean 'epochs'?"));
  CHECK_THROWS_WITH(make("train: {validation_share: 0}"), Catch::Contains("validation_share"));
  CHECK_THROWS_WITH(make("purchase_weight: -1"), Catch::Contains("purchase_weight"));
  const std::shared_ptr<Policy> policy = small::policy(kClick, schema);
  CHECK_THROWS_WITH(policy->distribution(request(0, 0, 0)), Catch::Contains("not trained"));
  Arrays short_state = made_by_hand();
  short_state.erase("input_sd");
  CHECK_THROWS_WITH(policy->set_state(short_state), Catch::Contains("'input_sd'"));
  CHECK_THROWS_WITH(policy->distribution(request(0, 0, 0)), Catch::Contains("not trained"));
}
