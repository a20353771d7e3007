#include <yaml-cpp/yaml.h>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"

using namespace rehearsal;

namespace {

std::unique_ptr<Policy> make(const std::string& type, const std::string& yaml,
                             const Schema& schema) {
  const YAML::Node node = YAML::Load(yaml);
  return policies().at(type).make({node, {}}, {schema, Rng(1)});
}

/// The page of the first request where all four modules are eligible.
std::vector<std::uint16_t> full_page(const Policy& policy) {
  const RequestBatch requests = small::requests(40, Rng(5));
  const PageBatch pages = recommend(policy, requests, Rng(5), nullptr);
  for (std::size_t i = 0; i < requests.size(); ++i)
    if (requests.n_eligible(i) == 4) return {pages.shown(i).begin(), pages.shown(i).end()};
  return {};
}

}  // namespace

TEST_CASE("static_order shows the site's curated order by default", "[policies]") {
  const Schema schema = small::schema();
  CHECK(full_page(*make("static_order", "{}", schema)) == std::vector<std::uint16_t>{2, 0, 3});
  CHECK(full_page(*make("static_order", "order: curated", schema)) ==
        std::vector<std::uint16_t>{2, 0, 3});
}

TEST_CASE("static_order puts named modules first and the rest in the schema's order",
          "[policies]") {
  const Schema schema = small::schema();
  CHECK(full_page(*make("static_order", "order: [delta, beta]", schema)) ==
        std::vector<std::uint16_t>{3, 1, 0});
}

TEST_CASE("static_order refuses an unknown module, one named twice and an empty list",
          "[policies]") {
  const Schema schema = small::schema();
  CHECK_THROWS_WITH(make("static_order", "order: [delta, betta]", schema),
                    Catch::Contains("did you mean 'beta'?") && Catch::Contains("line 1:8"));
  CHECK_THROWS_WITH(make("static_order", "order: [beta, beta]", schema),
                    Catch::Contains("'beta' stands there twice"));
  CHECK_THROWS_WITH(make("static_order", "order: []", schema), Catch::Contains("empty"));
  CHECK_THROWS_WITH(make("static_order", "order: curatd", schema),
                    Catch::Contains("did you mean 'curated'?"));
  Schema bare = small::schema();
  bare.curated_order.clear();
  CHECK_THROWS_WITH(make("static_order", "{}", bare), Catch::Contains("no curated order"));
}

TEST_CASE("uniform gives every ordered page of k of n modules the same probability", "[policies]") {
  const Schema schema = small::schema();
  const auto policy = make("uniform", "{}", schema);
  const RequestBatch requests = small::requests(40, Rng(5));
  Propensities columns;
  recommend(*policy, requests, Rng(5), &columns);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const double n = static_cast<double>(requests.n_eligible(i));
    CHECK(columns.pscore[i] == Approx(n == 2 ? 1.0 / 2 : 1 / (n * (n - 1) * (n - 2))));
  }
}
