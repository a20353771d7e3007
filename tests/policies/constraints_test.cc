// Business rules on pages: pinned modules and a limit on sponsored ones.
#include "policies/constraints.h"

#include <set>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using testing::Slate;

namespace {

Schema site() {
  Schema schema = small::schema();
  schema.modules[2] = "sponsored_gamma";
  schema.curated_order[0] = "sponsored_gamma";
  return schema;
}

Slate page_of(const Policy& policy, const RequestBatch& requests, std::size_t i) {
  const PageBatch pages = recommend(policy, requests, Rng(3), nullptr);
  return {pages.shown(i).begin(), pages.shown(i).end()};
}

/// Requests where all four modules are eligible, and the first of them.
std::size_t full_request(const RequestBatch& requests) {
  std::size_t i = 0;
  while (requests.n_eligible(i) < 4) ++i;
  return i;
}

void check_refused(const std::string& constraints, const std::string& words) {
  const Schema schema = site();
  INFO(constraints);
  CHECK_THROWS_WITH(
      small::policy("{name: x, type: uniform, constraints: " + constraints + "}", schema),
      Catch::Contains(words));
}

}  // namespace

TEST_CASE("a pinned module stands in its slot and the others close up around it") {
  const Schema schema = site();
  const RequestBatch requests = small::requests(40, Rng(1));
  const std::size_t i = full_request(requests);
  const auto curated = small::policy("{name: x, type: static_order}", schema);
  CHECK(page_of(*curated, requests, i) == Slate{2, 0, 3});
  const auto pinned = small::policy(
      "{name: x, type: static_order, constraints: {pinned: {beta: 1, delta: 0}}}", schema);
  CHECK(page_of(*pinned, requests, i) == Slate{3, 1, 2});
}

TEST_CASE("at most so many sponsored modules stand on a page, by name or as listed") {
  const Schema schema = site();
  const RequestBatch requests = small::requests(40, Rng(1));
  const std::size_t i = full_request(requests);
  const auto none =
      small::policy("{name: x, type: static_order, constraints: {max_sponsored: 0}}", schema);
  CHECK(page_of(*none, requests, i) == Slate{0, 3, 1});
  const auto listed = small::policy(
      "{name: x, type: static_order, constraints: {max_sponsored: 1, sponsored: "
      "[alpha, sponsored_gamma]}}",
      schema);
  CHECK(page_of(*listed, requests, i) == Slate{2, 3, 1});
}

TEST_CASE("a page that cannot be filled within the limit is filled beyond it") {
  const Schema schema = site();
  const RequestBatch requests = small::requests(200, Rng(1));
  const auto policy = small::policy(
      "{name: x, type: uniform, constraints: {max_sponsored: 0, sponsored: [alpha, beta]}}",
      schema);
  Propensities own;
  const PageBatch pages = recommend(*policy, requests, Rng(3), &own);
  std::set<std::size_t> sizes;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t m = requests.n_eligible(i);
    sizes.insert(m);
    REQUIRE(pages.n_shown(i) == std::min<std::size_t>(3, m));
    const auto shown = pages.shown(i);
    const auto n_sponsored =
        std::count_if(shown.begin(), shown.end(), [](auto c) { return c < 2; });
    // Two of the four count: both are needed unless gamma and delta are there, too.
    CHECK(n_sponsored == (m == 4 ? 1 : 2));
    CHECK(own.pscore[i] == Approx(m == 4 ? 0.25 : 0.5));
  }
  CHECK(sizes == std::set<std::size_t>{2, 3, 4});
}

TEST_CASE(
    "a constrained part keeps its rules inside a mixture, and a mixture puts them on its parts") {
  const Schema schema = site();
  const RequestBatch requests = small::requests(40, Rng(1));
  const std::size_t i = full_request(requests);
  const std::map<std::string, std::shared_ptr<Policy>> parts{
      {"plain", small::policy("{name: plain, type: static_order}", schema)},
      {"pinned",
       small::policy("{name: pinned, type: uniform, constraints: {pinned: {beta: 0}}}", schema)}};
  const auto of_parts =
      small::policy("{name: x, type: mixture, of: {plain: 0.25, pinned: 0.75}}", schema, parts);
  const auto inside = of_parts->distribution(requests);
  CHECK(testing::probability(*inside, i, {2, 0, 3}) == Approx(0.25));
  CHECK(testing::probability(*inside, i, {1, 0, 3}) == Approx(0.75 / 6));
  const auto whole = small::policy(
      "{name: x, type: mixture, of: {plain: 0.25, pinned: 0.75}, constraints: {pinned: {beta: 0}}}",
      schema, parts);
  const auto outside = whole->distribution(requests);
  CHECK(testing::probability(*outside, i, {2, 0, 3}) == 0);
  CHECK(testing::probability(*outside, i, {1, 2, 0}) == Approx(0.25 + 0.75 / 6));
  Propensities own;
  recommend(*whole, requests, Rng(3), &own);
  CHECK(std::set<std::uint8_t>(own.component.begin(), own.component.end()) ==
        std::set<std::uint8_t>{0, 1});
}

TEST_CASE("a constrained learner fits, saves and loads as the learner inside") {
  const Schema schema = site();
  const TemporaryFolder folder;
  small::write_log(folder.path("log"), schema, *small::behavior(schema), 1, 3000, Rng(4));
  const LogReader log(folder.path("log"));
  const std::string keys = "name: x, type: logistic";
  const auto plain = small::policy("{" + keys + "}", schema);
  const auto held =
      small::policy("{" + keys + ", constraints: {pinned: {beta: 2}, max_sponsored: 0}}", schema);
  plain->fit({source_of(log), Rng(9), "x"});
  held->fit({source_of(log), Rng(9), "x"});
  CHECK(held->state().at("coefficients").values == plain->state().at("coefficients").values);
  save_policy(*held, held->config(), folder.path("saved"));
  const auto loaded = load_policy(folder.path("saved"), schema);
  const RequestBatch requests = small::requests(60, Rng(1));
  const PageBatch pages = recommend(*held, requests, Rng(3), nullptr);
  CHECK(recommend(*loaded, requests, Rng(3), nullptr).module == pages.module);
  CHECK(recommend(*plain, requests, Rng(3), nullptr).module != pages.module);
}

TEST_CASE("items are ranked on a constrained page as on any other") {
  const Schema schema = site();
  const RequestBatch requests = small::requests(40, Rng(1));
  const auto policy = small::policy(
      "{name: x, type: static_order, constraints: {pinned: {beta: 0}}, "
      "ranker: {type: popularity, feature: sold}}",
      schema);
  const PageBatch pages = recommend(*policy, requests, Rng(3), nullptr);
  const auto plain = small::policy(
      "{name: x, type: static_order, order: [beta], "
      "ranker: {type: popularity, feature: sold}}",
      schema);
  CHECK(pages.module.front() == 1);
  const PageBatch expected = recommend(*plain, requests, Rng(3), nullptr);
  CHECK(std::equal(pages.item.begin(), pages.item.begin() + 3, expected.item.begin()));
}

TEST_CASE("constraints that cannot be are refused with their place") {
  check_refused("{pinned: {gama: 1}}", "sponsored_gamma");
  check_refused("{pinned: {beta: 3}}", "slots 0 to 2");
  check_refused("{pinned: {beta: 0.5}}", "0.5 is not a slot");
  check_refused("{pinned: {beta: 1, alpha: 1}}", "already");
  check_refused("{max_sponsored: 1, sponsored: [omega]}", "omega");
  check_refused("{sponsored: [alpha]}", "max_sponsored");
  check_refused("{max_sponsored: 0, pinned: {sponsored_gamma: 1}}", "more than the 0 allowed");
  check_refused("{maximum: 1}", "maximum");
  Schema schema = small::schema();
  CHECK_THROWS_WITH(
      small::policy("{name: x, type: uniform, constraints: {max_sponsored: 1}}", schema),
      Catch::Contains("list them"));
}

TEST_CASE("Thompson sampling says that it cannot be held to a limit on sponsored modules") {
  const Schema schema = site();
  const auto policy = small::policy(
      "{name: beta_ts, type: thompson, constraints: {max_sponsored: 1, sponsored: "
      "[alpha, delta]}}",
      schema);
  policy->set_state({{"a", {{1, 4}, {1, 2, 3, 4}}},
                     {"b", {{1, 4}, {9, 9, 9, 9}}},
                     {"examination", {{6}, {1, 1, 1, 1, 1, 1}}}});
  CHECK_THROWS_WITH(policy->distribution(small::requests(40, Rng(1))),
                    Catch::Contains("policy 'beta_ts'") && Catch::Contains("limit"));
}
