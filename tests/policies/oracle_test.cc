// Oracles that search whole pages.
#include <set>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/repeated.h"
#include "tests/catch.h"
#include "tests/item_page_fixture.h"
#include "tests/policies/fake_users.h"
#include "tests/policies/small_log.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using testing::Slate;

namespace {

std::shared_ptr<Policy> oracle(const std::string& keys, const Schema& schema,
                               const UserModel& users) {
  return make_policy(YAML::Load("{name: o, type: oracle, " + keys + "}"), {},
                     {schema, Rng(1), &users});
}

/// A world where purchases are frequent and every page effect is on.
ItemPage busy_page(std::uint64_t seed) {
  return ItemPage(
      "{users: 300, items: 960, categories: 8, modules: 6, slots: 4, sigma_c: 0.6, sigma_p: 0.6, "
      "click_logit: -1, purchase_logit: 0, pool_overlap: 0.5}",
      "{item_logit: -1, cascade_stop: 0.9, repeat_discount: 0.5, substitutes: 0.8}", seed);
}

/// Expected clicks or purchases of the pages that a policy shows. Returns: (n) page by page.
std::vector<double> values(const ItemPage& page, const RequestBatch& requests, const Policy& policy,
                           bool purchases) {
  const PageBatch pages = recommend(policy, requests, Rng(1), nullptr);
  const ExpectedBatch expected = page.users->expected(requests, pages);
  std::vector<double> sums(requests.size(), 0.0);
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t at = pages.slot_offsets[i]; at < pages.slot_offsets[i + 1]; ++at)
      sums[i] += purchases ? expected.purchase[at] : expected.click[at];
  return sums;
}

/// The same of one given page of request i.
double value_of(const ItemPage& page, const RequestBatch& requests, std::size_t i,
                const Slate& slate, bool purchases) {
  const std::vector<std::string>& names = page.world->schema().modules;
  std::string order;
  for (const std::uint16_t c : slate)
    order += (order.empty() ? "" : ", ") + names[requests.eligible(i)[c]];
  const auto policy =
      small::policy("{name: x, type: static_order, order: [" + order + "]}", page.world->schema());
  return values(page, repeated(requests, i, 1), *policy, purchases).front();
}

double sum(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

TEST_CASE("a repeated request keeps its latents") {
  const ItemPage page = busy_page(2);
  RequestBatch requests;
  page.world->requests(turns_of(5), Rng(3), requests);
  const RequestBatch three = repeated(requests, 2, 3);
  REQUIRE(three.size() == 3);
  for (Eigen::Index r = 0; r < 3; ++r)
    CHECK(three.latents->request.row(r) == requests.latents->request.row(2));
  CHECK(three.user == std::vector<std::uint32_t>(3, requests.user[2]));
  CHECK(std::equal(three.module.begin(), three.module.begin() + requests.n_eligible(2),
                   requests.eligible(2).begin()));
}

TEST_CASE("brute force finds the best of all pages, by enumeration from outside") {
  for (const bool purchases : {false, true}) {
    const ItemPage page = busy_page(purchases ? 4 : 5);
    RequestBatch requests;
    page.world->requests(turns_of(8), Rng(3), requests);
    const auto best =
        oracle(std::string("search: brute_force, objective: ") + (purchases ? "purchase" : "click"),
               page.world->schema(), *page.users);
    const std::vector<double> found = values(page, requests, *best, purchases);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      double most = 0;
      const std::size_t m = requests.n_eligible(i);
      for (const Slate& slate : testing::all_slates(m, std::min<std::size_t>(4, m)))
        most = std::max(most, value_of(page, requests, i, slate, purchases));
      CHECK(found[i] == Approx(most).epsilon(1e-12));
    }
  }
}

TEST_CASE("a beam wider than there are pages is brute force, and greedy a beam of one") {
  const ItemPage page = busy_page(6);
  RequestBatch requests;
  page.world->requests(turns_of(40), Rng(3), requests);
  const auto of = [&](const std::string& keys) {
    return values(page, requests, *oracle(keys, page.world->schema(), *page.users), false);
  };
  const std::vector<double> best = of("search: brute_force");
  const std::vector<double> wide = of("search: beam, beam: 400");
  for (std::size_t i = 0; i < best.size(); ++i) CHECK(wide[i] == Approx(best[i]).epsilon(1e-12));
  CHECK(of("search: greedy") == of("search: beam, beam: 1"));
  const double greedy = sum(of("search: greedy"));
  CHECK(sum(of("search: sort")) < greedy);
  CHECK(greedy <= sum(of("search: beam, beam: 4")));
  CHECK(sum(of("search: beam, beam: 4")) <= sum(best) * (1 + 1e-12));
  CHECK(greedy > 0.97 * sum(best));
}

TEST_CASE("without page effects every search finds the sorted page's value") {
  const ItemPage page("{users: 300, items: 960, categories: 8, modules: 6, slots: 4}");
  RequestBatch requests;
  page.world->requests(turns_of(30), Rng(3), requests);
  const auto of = [&](const std::string& search) {
    return values(page, requests, *oracle("search: " + search, page.world->schema(), *page.users),
                  false);
  };
  const std::vector<double> sorted = of("sort");
  for (const char* search : {"greedy", "beam", "brute_force"}) {
    const std::vector<double> other = of(search);
    for (std::size_t i = 0; i < sorted.size(); ++i)
      CHECK(other[i] == Approx(sorted[i]).epsilon(1e-12));
  }
}

TEST_CASE("an oracle under rules finds the best page that keeps them") {
  const ItemPage page = busy_page(7);
  RequestBatch requests;
  page.world->requests(turns_of(10), Rng(3), requests);
  const std::string rules =
      ", constraints: {max_sponsored: 1, sponsored: [similar, also_viewed, "
      "bought_together], pinned: {recently_viewed: 1}}";
  const auto allowed = [&](std::size_t i, const Slate& slate) {
    const std::set<std::uint16_t> sponsored{0, 2, 3};
    const auto eligible = requests.eligible(i);
    std::size_t n = 0;
    for (const std::uint16_t c : slate) n += sponsored.count(eligible[c]);
    const bool there = std::find(eligible.begin(), eligible.end(), 5) != eligible.end();
    return n <= 1 && (!there || eligible[slate[1]] == 5);
  };
  const auto best = oracle("search: brute_force" + rules, page.world->schema(), *page.users);
  const auto sorted = oracle("search: sort" + rules, page.world->schema(), *page.users);
  const std::vector<double> found = values(page, requests, *best, false);
  const std::vector<double> simple = values(page, requests, *sorted, false);
  std::size_t n_kept = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    double most = 0;
    const std::size_t m = requests.n_eligible(i);
    for (const Slate& slate : testing::all_slates(m, std::min<std::size_t>(4, m)))
      if (allowed(i, slate)) most = std::max(most, value_of(page, requests, i, slate, false));
    if (most == 0) continue;  // the limit gives way
    ++n_kept;
    CHECK(found[i] == Approx(most).epsilon(1e-12));
    CHECK(simple[i] <= most * (1 + 1e-12));
  }
  CHECK(n_kept >= 2);
}

TEST_CASE("brute force declines requests with too many pages") {
  ItemPage page(
      "{users: 10, items: 960, categories: 8, modules: 10, slots: 6, always_eligible: 10}",
      "{desktop: [1, 1, 1, 1, 1, 1], mobile: [1, 1, 1, 1, 1, 1]}");
  RequestBatch requests;
  page.world->requests(turns_of(2), Rng(3), requests);
  const auto best = oracle("search: brute_force", page.world->schema(), *page.users);
  CHECK_THROWS_WITH(best->distribution(requests),
                    Catch::Contains("50000 pages") && Catch::Contains("use search: beam"));
}
