#include <cmath>

#include "policies/online/normal_slates.h"
#include "policies/online/tied_slates.h"
#include "sim/core/error.h"
#include "sim/slate/choices.h"
#include "sim/slate/rules.h"
#include "tests/catch.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;

TEST_CASE("equal scores come in uniformly random order with closed forms", "[online]") {
  const Offsets offsets{0, 5, 9, 10, 12};
  const auto slates = make_tied(offsets, {3, 3, 1, 2}, {1, 2, 1, 0, 1, 3, 3, 3, 3, 7, 0.5, 0.25});
  for (std::size_t i = 0; i < 4; ++i) {
    testing::check_against_enumeration(*slates, i, 1e-12);
    testing::check_frequencies(*slates, i, 4000, 11 + i);
  }
  CHECK(testing::probability(*slates, 0, {1, 0, 4}) == Approx(1.0 / 6));
  CHECK(testing::probability(*slates, 0, {0, 1, 4}) == 0);
  CHECK(testing::probability(*slates, 1, {3, 0, 2}) == Approx(1.0 / 24));
  CHECK(testing::probability(*slates, 3, {0, 1}) == 1);
  CHECK_THROWS_AS(make_tied({0, 1}, {1}, {std::nan("")}), Error);
}

TEST_CASE("a choice has the same numbers among many choices as among few", "[online]") {
  const Rng rng(6);
  std::vector<std::uint16_t> ids;
  for (std::uint16_t id = 0; id < 300; id = static_cast<std::uint16_t>(id + 3)) ids.push_back(id);
  const Turn turn{UserId{4}, 2, 1};
  std::vector<std::uint64_t> all(ids.size()), one(1);
  choice_bits(rng, {Draw::kRanker, turn, ids, 4096}, all);
  for (std::size_t c = 0; c < ids.size(); ++c) {
    choice_bits(rng, {Draw::kRanker, turn, {ids.data() + c, 1}, 4096}, one);
    CHECK(one[0] == all[c]);
  }
}

TEST_CASE("normal draws are ordered with their exact probabilities", "[online]") {
  const auto slates = make_normal_draws({0, 4, 6}, {3, 2}, {0.1, 0.4, -2, 0.3, 1, 0.2},
                                        {1, 0.05, 3, 0.5, 0.6, 0.8});
  testing::check_against_enumeration(*slates, 0, 1e-8);
  testing::check_frequencies(*slates, 0, 20000, 3);
  // Of two the first is ahead with probability Phi(difference / standard deviation of it).
  const double z = (1 - 0.2) / std::sqrt(0.36 + 0.64);
  CHECK(testing::probability(*slates, 1, {0, 1}) ==
        Approx(0.5 * std::erfc(-z / std::sqrt(2))).margin(1e-10));
  CHECK_THROWS_AS(make_normal_draws({0, 1}, {1}, {0.0}, {0.0}), Error);
}

TEST_CASE("ties and normal draws under rules are their orders filtered, by going through all",
          "[online]") {
  // Choice 1 stands at position 1; of 0, 2 and 4 at most one, or none is limited.
  const Offsets offsets{0, 5};
  for (const bool limited : {false, true}) {
    const auto rules = std::make_shared<SlateRules>(
        offsets,
        std::vector<std::uint16_t>{SlateRules::kFree, 1, SlateRules::kFree, SlateRules::kFree,
                                   SlateRules::kFree},
        limited ? std::vector<std::uint8_t>{1, 0, 1, 0, 1} : std::vector<std::uint8_t>(5, 0), 1);
    std::vector<std::unique_ptr<SlateDistribution>> orders;
    orders.push_back(make_tied(offsets, {5}, {2, 1, 2, 2, 1}));
    orders.push_back(make_tied(offsets, {5}, {1, 1, 1, 1, 1}));
    if (!limited)
      orders.push_back(
          make_normal_draws(offsets, {5}, {0, 0.2, -0.1, 0.4, 0.3}, {1, 0.3, 0.5, 0.2, 0.8}));
    for (const auto& order : orders) {
      const auto restricted = restrict_slates(*order, rules, {3});
      testing::check_against_enumeration(*restricted, 0, 1e-8);
      std::map<testing::Slate, double> filtered;
      for (const testing::Slate& whole : testing::all_slates(5, 5)) {
        testing::Slate slate(3);
        filter_order(*rules, 0, whole, slate);
        filtered[slate] += testing::probability(*order, 0, whole);
      }
      for (const testing::Slate& slate : testing::all_slates(5, 3))
        CHECK(testing::probability(*restricted, 0, slate) == Approx(filtered[slate]).margin(1e-8));
    }
    if (limited)
      CHECK_THROWS_WITH(
          restrict_slates(*make_normal_draws(offsets, {5}, {0, 0, 0, 0, 0}, {1, 1, 1, 1, 1}), rules,
                          {3}),
          Catch::Contains("cannot be held to a limit"));
  }
}
