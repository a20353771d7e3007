// Mixtures, oracles, rankers and the making of a policy from its mapping.
#include <yaml-cpp/yaml.h>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/fake_users.h"
#include "tests/policies/small_log.h"

using namespace rehearsal;

using small::FakeUsers;

TEST_CASE("a mixture gives each page the mean of its parts' probabilities", "[policies]") {
  const Schema schema = small::schema();
  const auto mixture = small::behavior(schema, 0.3);
  CHECK_FALSE(mixture->deterministic());
  const RequestBatch requests = small::requests(200, Rng(4));
  const auto curated = small::policy("{name: c, type: static_order}", schema);
  const PageBatch pages = recommend(*curated, requests, Rng(4), nullptr);
  const Propensities columns = propensities(*mixture, requests, pages);
  const double n_orders[5] = {0, 0, 2, 6, 24};
  for (std::size_t i = 0; i < requests.size(); ++i)
    CHECK(columns.pscore[i] == Approx(0.7 + 0.3 / n_orders[requests.n_eligible(i)]));
}

TEST_CASE("a mixture of mixtures multiplies the shares", "[policies]") {
  const Schema schema = small::schema();
  const std::map<std::string, std::shared_ptr<Policy>> others{
      {"logging", small::behavior(schema, 0.5)},
      {"curated", small::policy("{name: curated, type: static_order}", schema)}};
  const auto outer =
      small::policy("{name: x, type: mixture, of: {logging: 0.2, curated: 0.8}}", schema, others);
  const RequestBatch requests = small::requests(1, Rng(4));
  const PageBatch pages = recommend(*others.at("curated"), requests, Rng(4), nullptr);
  const double n_orders[5] = {0, 0, 2, 6, 24};
  CHECK(propensities(*outer, requests, pages).pscore[0] ==
        Approx(0.9 + 0.1 / n_orders[requests.n_eligible(0)]));
}

TEST_CASE("a mixture refuses unknown parts, shares that do not sum to 1 and parts with rankers",
          "[policies]") {
  const Schema schema = small::schema();
  const std::map<std::string, std::shared_ptr<Policy>> others{
      {"random", small::policy("{name: random, type: uniform}", schema)},
      {"ranked", small::policy("{name: ranked, type: uniform, ranker: {type: uniform}}", schema)}};
  const auto make = [&](const std::string& of) {
    return small::policy("{name: m, type: mixture, of: " + of + "}", schema, others);
  };
  CHECK_THROWS_WITH(make("{randm: 1}"), Catch::Contains("did you mean 'random'"));
  CHECK_THROWS_WITH(make("{random: 0.9}"), Catch::Contains("sum to 0.9"));
  CHECK_THROWS_WITH(make("{ranked: 1}"), Catch::Contains("ranker of its own"));
  CHECK_THROWS_WITH(make("{}"), Catch::Contains("needs its parts"));
  CHECK_NOTHROW(make("{random: 1}"));
}

TEST_CASE("an oracle orders modules by the user model's exact values", "[policies]") {
  const Schema schema = small::schema();
  const FakeUsers users;
  RequestBatch requests = small::requests(60, Rng(4));
  requests.latents = std::make_shared<Latents>();
  for (const bool purchases : {false, true}) {
    const YAML::Node node = YAML::Load(std::string("{name: o, type: oracle, objective: ") +
                                       (purchases ? "purchase}" : "click}"));
    const auto oracle = make_policy(node, {}, {schema, Rng(1), &users});
    const PageBatch pages = recommend(*oracle, requests, Rng(4), nullptr);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const auto shown = pages.shown(i);
      const auto value = [&](std::uint16_t m) {
        const double click = FakeUsers::click(requests.user[i], m);
        return purchases ? 1 - click : click;
      };
      for (std::size_t k = 1; k < shown.size(); ++k) CHECK(value(shown[k - 1]) >= value(shown[k]));
      for (const std::uint16_t m : requests.eligible(i))
        if (std::find(shown.begin(), shown.end(), m) == shown.end())
          CHECK(value(m) <= value(shown.back()));
    }
  }
}

TEST_CASE("an oracle refuses to be without a user model, latents or closed forms", "[policies]") {
  const Schema schema = small::schema();
  CHECK_THROWS_WITH(small::policy("{name: o, type: oracle}", schema),
                    Catch::Contains("needs the user model of its scenario"));
  FakeUsers users;
  const auto oracle =
      make_policy(YAML::Load("{name: o, type: oracle}"), {}, {schema, Rng(1), &users});
  RequestBatch requests = small::requests(5, Rng(4));
  CHECK_THROWS_WITH(recommend(*oracle, requests, Rng(4), nullptr),
                    Catch::Contains("in a simulation only"));
  requests.latents = std::make_shared<Latents>();
  users.closed_form = false;
  CHECK_THROWS_WITH(recommend(*oracle, requests, Rng(4), nullptr), Catch::Contains("closed form"));
}

TEST_CASE("the popularity ranker sorts items by the feature, highest first", "[policies]") {
  const Schema schema = small::schema();
  const RequestBatch requests = small::requests(30, Rng(4));
  for (const int column : {0, 1}) {
    const std::string feature = column == 0 ? "" : ", feature: sold";
    const auto policy = small::policy(
        "{name: s, type: static_order, ranker: {type: popularity" + feature + "}}", schema);
    Propensities columns;
    const PageBatch pages = recommend(*policy, requests, Rng(4), &columns);
    for (std::size_t slot = 0; slot < pages.module.size(); ++slot)
      for (std::size_t j = pages.item_offsets[slot] + 1; j < pages.item_offsets[slot + 1]; ++j)
        CHECK(schema.items(pages.item[j - 1], column) > schema.items(pages.item[j], column));
    for (const double p : columns.pscore) CHECK(p == 1);
  }
  CHECK_THROWS_WITH(
      small::policy("{name: s, type: uniform, ranker: {type: popularity, feature: prize}}", schema),
      Catch::Contains("did you mean 'price'"));
}

TEST_CASE("the popularity ranker sorts items by the request's own features of them", "[policies]") {
  Schema schema = small::schema();
  RequestBatch requests = small::requests(30, Rng(4));
  CHECK_THROWS_WITH(
      small::policy("{name: s, type: uniform, ranker: {type: popularity, context: views_}}",
                    schema),
      Catch::Contains("no feature 'views_0'"));
  std::vector<float> context;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    context.insert(context.end(), requests.features(i).begin(), requests.features(i).end());
    for (std::size_t item = 0; item < 6; ++item)
      context.push_back(static_cast<float>((item * 5 + i) % 6));
  }
  for (int item = 0; item < 6; ++item)
    schema.features.push_back({"views_" + std::to_string(item), {}, ""});
  requests.n_features = 9;
  requests.context = context;
  const auto policy = small::policy(
      "{name: s, type: uniform, ranker: {type: popularity, context: views_}}", schema);
  const PageBatch pages = recommend(*policy, requests, Rng(4), nullptr);
  for (std::size_t i = 0; i < pages.size(); ++i)
    for (std::size_t slot = pages.slot_offsets[i]; slot < pages.slot_offsets[i + 1]; ++slot)
      for (std::size_t j = pages.item_offsets[slot] + 1; j < pages.item_offsets[slot + 1]; ++j)
        CHECK(requests.features(i)[3 + pages.item[j - 1]] >
              requests.features(i)[3 + pages.item[j]]);
  CHECK_THROWS_WITH(small::policy("{name: s, type: uniform, ranker: {type: popularity, feature: "
                                  "sold, context: views_}}",
                                  schema),
                    Catch::Contains("order by already"));
}

TEST_CASE("the uniform ranker's item orders enter the page's probability", "[policies]") {
  const Schema schema = small::schema();
  const RequestBatch requests = small::requests(30, Rng(4));
  const auto policy =
      small::policy("{name: s, type: static_order, ranker: {type: uniform}}", schema);
  Propensities columns;
  const PageBatch pages = recommend(*policy, requests, Rng(4), &columns);
  for (std::size_t i = 0; i < requests.size(); ++i)
    CHECK(columns.pscore[i] ==
          Approx(std::pow(1.0 / 6, static_cast<double>(pages.n_shown(i)))).epsilon(1e-12));
}

TEST_CASE("the retrieval ranker shows what no ranker shows", "[policies]") {
  const Schema schema = small::schema();
  const RequestBatch requests = small::requests(30, Rng(4));
  const auto with = small::policy("{name: s, type: uniform, ranker: {type: retrieval}}", schema);
  const auto without = small::policy("{name: s, type: uniform}", schema);
  CHECK(recommend(*with, requests, Rng(4), nullptr).item ==
        recommend(*without, requests, Rng(4), nullptr).item);
}

TEST_CASE("a policy's mapping needs a name and a known type, and errors say where", "[policies]") {
  const Schema schema = small::schema();
  CHECK_THROWS_WITH(small::policy("{type: uniform}", schema), Catch::Contains("'name' is missing"));
  CHECK_THROWS_WITH(small::policy("{name: x}", schema), Catch::Contains("'type' is missing"));
  CHECK_THROWS_WITH(small::policy("{name: x, type: unifrm}", schema),
                    Catch::Contains("did you mean 'uniform'") && Catch::Contains("line 1:17"));
  CHECK_THROWS_WITH(small::policy("{name: x, type: uniform, alfa: 1}", schema),
                    Catch::Contains("'alfa'"));
  CHECK_THROWS_WITH(small::policy("{name: x, type: uniform, ranker: {type: popular}}", schema),
                    Catch::Contains("unknown ranker 'popular'"));
  CHECK_THROWS_WITH(small::policy("[1]", schema), Catch::Contains("expected a mapping"));
}
