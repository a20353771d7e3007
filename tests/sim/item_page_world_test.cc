#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "tests/catch.h"
#include "tests/item_page_fixture.h"

using namespace rehearsal;

namespace {

std::string message_of(const std::string& world_yaml) {
  try {
    ItemPage page(world_yaml);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("normal quantiles agree with known values on both sides and in the far tail") {
  CHECK(normal_quantile(0.5) == 0);
  CHECK(normal_quantile(0.975) == Approx(1.959963984540054).epsilon(1e-14));
  CHECK(normal_quantile(0.1) == Approx(-1.2815515655446004).epsilon(1e-14));
  CHECK(normal_quantile(1e-12) == Approx(-7.034483825301132).epsilon(1e-13));
  CHECK(normal_quantile(0.3) == -normal_quantile(0.7));
}

TEST_CASE("a request is a function of world, seed and turn alone, not of the batch it is in") {
  const ItemPage page;
  const Rng rng(11);
  const std::vector<Turn> turns = turns_of(500, 2, 1);
  RequestBatch all;
  page.world->requests(turns, rng, all);
  RequestBatch one;
  for (const std::size_t i : {std::size_t{0}, std::size_t{17}, std::size_t{499}}) {
    page.world->requests(std::span(turns).subspan(i, 1), rng, one);
    const std::vector<std::uint32_t> row{static_cast<std::uint32_t>(i)};
    const RequestBatch same = gather(all, row);
    CHECK(one.context == same.context);
    CHECK(one.module == same.module);
    CHECK(one.candidate == same.candidate);
    CHECK(one.latents->request.row(0) == all.latents->request.row(static_cast<Eigen::Index>(i)));
  }
  RequestBatch other;
  page.world->requests(turns, Rng(12), other);
  CHECK(other.context != all.context);
}

TEST_CASE("the eight hidden features are standard normal and the observed six are the first") {
  const ItemPage page("{users: 20000, items: 20000, categories: 40}");
  RequestBatch requests;
  page.world->requests(turns_of(20000, 1, 3), Rng(5), requests);
  const RowMatrixF& x = requests.latents->request;
  const double n = 20000;
  for (Eigen::Index d = 0; d < 8; ++d) {
    const Eigen::VectorXd column = x.col(d).cast<double>();
    const double mean = column.mean();
    CHECK(std::abs(mean) < 4 / std::sqrt(n));
    CHECK(std::abs(column.array().square().mean() - 1) < 4 * std::sqrt(2 / n));
    for (Eigen::Index e = 0; e < d; ++e)
      CHECK(std::abs(column.dot(x.col(e).cast<double>()) / n) < 4 / std::sqrt(n));
  }
  const std::size_t first = page.world->schema().feature_index("taste_0");
  const std::size_t activity = page.world->schema().feature_index("recent_activity");
  double product = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    for (std::size_t d = 0; d < 6; ++d)
      REQUIRE(requests.features(i)[first + d] == x(static_cast<Eigen::Index>(i), d));
    product += requests.features(i)[activity] * x(static_cast<Eigen::Index>(i), 6);
  }
  CHECK(std::abs(product / n - 0.7) < 4 * std::sqrt(1.49 / n));
}

TEST_CASE("segments are quantiles of tastes, and shares are as configured") {
  const ItemPage page("{users: 20000, items: 2000, categories: 4, mobile_share: 0.6}");
  RequestBatch requests;
  page.world->requests(turns_of(20000), Rng(5), requests);
  double mobile = 0;
  double own_referral = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto row = requests.features(i);
    const float taste = row[6];
    const float quartile = taste < -0.67449f ? 0 : taste < 0 ? 1 : taste < 0.67449f ? 2 : 3;
    REQUIRE(row[2] == quartile);
    const float tercile = row[7] < -0.430727f ? 0 : row[7] < 0.430727f ? 1 : 2;
    REQUIRE(row[3] == tercile);
    mobile += row[0];
    const float of_taste = row[8] < -0.67449f ? 0 : row[8] < 0 ? 1 : row[8] < 0.67449f ? 2 : 3;
    own_referral += row[1] == of_taste ? 1 : 0;
  }
  CHECK(std::abs(mobile / 20000 - 0.6) < 4 * std::sqrt(0.24 / 20000));
  CHECK(std::abs(own_referral / 20000 - 0.625) < 4 * std::sqrt(0.235 / 20000));
}

TEST_CASE("modules are eligible at their own rates, four of them always") {
  const ItemPage page("{users: 20000, items: 2000, categories: 4}");
  RequestBatch requests;
  page.world->requests(turns_of(20000), Rng(5), requests);
  const std::vector<double>& rate = page.world->parameters().at("eligibility").values;
  std::vector<double> seen(10, 0);
  for (const std::uint16_t module : requests.module) ++seen[module];
  int always = 0;
  for (std::size_t m = 0; m < 10; ++m) {
    CHECK(std::abs(seen[m] / 20000 - rate[m]) <= 4 * std::sqrt(rate[m] * (1 - rate[m]) / 20000));
    if (rate[m] == 1) ++always;
    if (rate[m] < 1) CHECK((rate[m] >= 0.4 && rate[m] <= 0.9));
  }
  CHECK(always == 4);
}

TEST_CASE("a module retrieves distinct items of the seed's category, never the seed itself") {
  const ItemPage page("{users: 4000, items: 400, categories: 8}");
  const Schema& schema = page.world->schema();
  std::map<float, float> category_of_price;  // prices are unique, so they name the seed
  for (Eigen::Index item = 0; item < 400; ++item)
    category_of_price[schema.items(item, 0)] = schema.items(item, 5);
  REQUIRE(category_of_price.size() == 400);
  RequestBatch requests;
  page.world->requests(turns_of(4000), Rng(5), requests);
  std::size_t repeated_pages = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    std::set<std::uint32_t> on_page;
    std::set<float> categories;
    std::size_t n_items = 0;
    for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e) {
      std::set<std::uint32_t> in_module;
      for (std::uint32_t c = requests.candidate_offsets[e]; c < requests.candidate_offsets[e + 1];
           ++c) {
        const std::uint32_t item = requests.candidate[c];
        REQUIRE(item < 400);
        in_module.insert(item);
        on_page.insert(item);
        categories.insert(schema.items(item, 5));
        ++n_items;
        // No retrieved item may have the seed's price.
        REQUIRE(schema.items(item, 0) != requests.features(i)[10]);
      }
      REQUIRE(in_module.size() == 8);
    }
    REQUIRE(categories == std::set<float>{category_of_price.at(requests.features(i)[10])});
    if (on_page.size() < n_items) ++repeated_pages;
  }
  CHECK(repeated_pages > 0);
}

TEST_CASE("every item of a pool is retrieved equally often, good ones first") {
  const ItemPage page(
      "{users: 20000, items: 64, categories: 1, modules: 1, slots: 1, "
      "always_eligible: 1, pool: 20, candidates: 5, retrieval_signal: 1}");
  const std::vector<double>& quality = page.world->parameters().at("item_quality").values;
  RequestBatch requests;
  page.world->requests(turns_of(20000), Rng(5), requests);
  std::vector<double> count(64, 0);
  for (const std::uint32_t item : requests.candidate) count[item] += 1;
  for (std::size_t i = 0; i < requests.size(); ++i)
    for (std::size_t c = 1; c < 5; ++c)
      REQUIRE(quality[requests.candidate[5 * i + c - 1]] >= quality[requests.candidate[5 * i + c]]);
  // 44 of 64 seeds stand outside the pool: 5 of 20; a seed inside: 5 of the other 19.
  const double share = 44.0 / 64 * 5 / 20 + 19.0 / 64 * 5 / 19;
  for (std::size_t item = 0; item < 64; ++item) {
    if (item >= 20) CHECK(count[item] == 0);
    if (item < 20)
      CHECK(std::abs(count[item] / 20000 - share) < 4 * std::sqrt(share * (1 - share) / 20000));
  }
}

TEST_CASE("the curated order is that of marginal CTR when the curator makes no error") {
  const ItemPage page("{users: 10, items: 2000, categories: 8, curated_noise: 0, sigma_c: 1}");
  const Schema& schema = page.world->schema();
  const std::vector<double>& ctr = page.world->parameters().at("marginal_ctr").values;
  std::vector<double> curated;
  for (const std::string& name : schema.curated_order)
    curated.push_back(ctr[schema.module_index(name)]);
  CHECK(curated.size() == 10);
  CHECK(std::is_sorted(curated.rbegin(), curated.rend()));
  const ItemPage noisy("{users: 10, items: 2000, categories: 8, sigma_c: 1}");
  CHECK(noisy.world->parameters().at("marginal_ctr").values == ctr);
  CHECK(noisy.world->schema().curated_order != schema.curated_order);
}

TEST_CASE("module parameters have the spreads and the correlation of the configuration") {
  double n = 0, bb = 0, ww = 0, uu = 0, wu = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const ItemPage page("{users: 1, items: 64, categories: 1}", "{}", seed);
    const Arrays& hidden = page.world->parameters();
    for (const double b : hidden.at("click_bias").values) bb += (b + 3.3) * (b + 3.3) / 2000;
    for (std::size_t j = 0; j < 80; ++j) {
      const double w = hidden.at("click_weights").values[j] / (0.15 / std::sqrt(8.0));
      const double u = hidden.at("purchase_weights").values[j] / (0.2 / std::sqrt(8.0));
      ++n;
      ww += w * w;
      uu += u * u;
      wu += w * u;
    }
  }
  CHECK(std::abs(bb / 0.0625 - 1) < 4 * std::sqrt(2.0 / 2000));
  CHECK(std::abs(ww / n - 1) < 4 * std::sqrt(2 / n));
  CHECK(std::abs(uu / n - 1) < 4 * std::sqrt(2 / n));
  CHECK(std::abs(wu / n - 0.5) < 4 * std::sqrt(1.25 / n));
}

TEST_CASE("a world that cannot be is refused with its key and both numbers") {
  using Catch::Matchers::Contains;
  CHECK_THAT(message_of("{modules: 4, slots: 5}"), Contains("slots") && Contains("modules"));
  CHECK_THAT(message_of("{modules: 3, slots: 3}"), Contains("always_eligible"));
  CHECK_THAT(message_of("{candidates: 48}"), Contains("candidates") && Contains("pool"));
  CHECK_THAT(message_of("{items: 1000, categories: 100}"), Contains("pool") && Contains("10"));
  CHECK_THAT(message_of("{eligibility_low: 0.95}"), Contains("eligibility_low"));
  CHECK_THAT(message_of("{mobile_share: 1.5}"), Contains("mobile_share"));
}

TEST_CASE("modules are most like those beside them, as the world's seed draws their themes") {
  const auto similarity = [](const std::string& keys, std::uint64_t seed) {
    const ItemPage page("{users: 10, items: 480, categories: 8" + keys + "}", "{}", seed);
    return Eigen::Map<const RowMatrix>(
               page.world->parameters().at("module_similarity").values.data(), 10, 10)
        .eval();
  };
  const RowMatrix plain = similarity(", theme_noise: 0, theme_width: 2", 1);
  for (int a = 0; a < 10; ++a)
    for (int b = 0; b < 10; ++b)
      CHECK(plain(a, b) == Approx(std::exp(-(a - b) * (a - b) / 8.0)).epsilon(1e-12));
  const RowMatrix drawn = similarity("", 1);
  CHECK(drawn == drawn.transpose());
  CHECK((drawn.diagonal().array() == 1).all());
  CHECK(drawn != similarity("", 2));
  CHECK(drawn == similarity("", 1));
  // Over many worlds: themes are N(place, 1), so neighbours' distance is N(1, 2).
  double sum = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) sum += similarity("", seed)(4, 5) / 100;
  CHECK(sum == Approx(std::exp(-1 / 6.0) / std::sqrt(3.0)).margin(4 * 0.35 / 10));
}
