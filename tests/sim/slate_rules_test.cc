// Slates under rules: whose choices stand where, with exact probabilities.
#include <algorithm>

#include "sim/core/error.h"
#include "sim/slate/beta_posteriors.h"
#include "sim/slate/rules.h"
#include "tests/catch.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr std::uint16_t kFree = SlateRules::kFree;

/// Rules of one decision. Args: position, limited: (n_choices).
std::shared_ptr<const SlateRules> rules(std::vector<std::uint16_t> position,
                                        std::vector<std::uint8_t> limited, std::size_t most) {
  const auto m = static_cast<std::uint32_t>(position.size());
  return std::make_shared<SlateRules>(Offsets{0, m}, std::move(position), std::move(limited), most);
}

/// Of six choices: 3 stands at position 1; 0, 4 and 5 count, and one of them is allowed.
std::shared_ptr<const SlateRules> usual() {
  return rules({kFree, kFree, kFree, 1, kFree, kFree}, {1, 0, 0, 0, 1, 1}, 1);
}

Slate filtered(const SlateRules& rules, const Slate& order, std::size_t l) {
  Slate slate(l);
  filter_order(rules, 0, order, slate);
  return slate;
}

Slate drawn_slate(const SlateDistribution& slates, std::uint32_t user) {
  std::vector<std::uint16_t> ids(slates.n_choices(0));
  std::iota(ids.begin(), ids.end(), std::uint16_t{4});
  Slate slate(slates.n_positions(0));
  slates.sample(0, Rng(5), {Draw::kPolicy, {UserId{user}, 1, 1}, ids, 0}, slate);
  return slate;
}

/// Every slate's probability is that of the orders that the rules turn into it.
void check_filtered(const SlateDistribution& orders, const std::shared_ptr<const SlateRules>& rule,
                    std::uint16_t l, double tolerance = 1e-12) {
  const std::size_t m = orders.n_choices(0);
  std::map<Slate, double> expected;
  for (const Slate& order : all_slates(m, m))
    expected[filtered(*rule, order, l)] += probability(orders, 0, order);
  const auto slates = restrict_slates(orders, rule, {l});
  REQUIRE(slates->n_positions(0) == l);
  for (const Slate& slate : all_slates(m, l)) {
    const auto found = expected.find(slate);
    CHECK(std::abs(probability(*slates, 0, slate) - (found == expected.end() ? 0 : found->second)) <
          1e-12);
  }
  check_against_enumeration(*slates, 0, tolerance);
  for (std::uint32_t user = 0; user < 400; ++user)
    REQUIRE(drawn_slate(*slates, user) == filtered(*rule, drawn_slate(orders, user), l));
}

}  // namespace

TEST_CASE("rules give choices their own positions and count the limited ones") {
  const auto rule = usual();
  CHECK(filtered(*rule, {0, 1, 2, 3, 4, 5}, 4) == Slate{0, 3, 1, 2});
  CHECK(filtered(*rule, {3, 4, 5, 0, 2, 1}, 4) == Slate{4, 3, 2, 1});
  CHECK(filtered(*rule, {2, 1, 0, 3, 4, 5}, 4) == Slate{2, 3, 1, 0});
}

TEST_CASE("a limited choice with a position of its own counts before it is placed") {
  const auto rule = rules({kFree, kFree, 2, kFree}, {1, 0, 1, 0}, 1);
  CHECK(filtered(*rule, {0, 1, 2, 3}, 3) == Slate{1, 3, 2});
}

TEST_CASE("rules give way where nothing they allow is left, the limit before positions") {
  // None of 0, 1, 2 is allowed, and 3 stands at position 3.
  const auto rule = rules({kFree, kFree, kFree, 3, kFree}, {1, 1, 1, 0, 0}, 0);
  CHECK(filtered(*rule, {0, 1, 2, 3, 4}, 5) == Slate{4, 0, 1, 3, 2});
  CHECK(filtered(*rule, {3, 2, 1, 0, 4}, 4) == Slate{4, 2, 1, 3});
  // A page shorter than a choice's position.
  const auto late = rules({4, kFree, 3}, {0, 0, 0}, 0);
  CHECK(filtered(*late, {0, 1, 2}, 3) == Slate{1, 2, 0});
}

TEST_CASE("an order under rules is as likely as the orders that lead to it") {
  const auto tight = rules({kFree, 0, kFree, kFree, kFree}, {1, 0, 1, 1, 0}, 0);
  const std::vector<double> log_weights{0.5, -1, 0.2, 1.1, -0.3, 0.8};
  const std::vector<double> five(log_weights.begin(), log_weights.end() - 1);
  check_filtered(*make_uniform({0, 6}, {6}), usual(), 4);
  check_filtered(*make_plackett_luce({0, 6}, {6}, log_weights), usual(), 4);
  check_filtered(*make_plackett_luce({0, 5}, {5}, five), tight, 5);
  check_filtered(*make_uniform({0, 5}, {5}), tight, 3);
  check_filtered(*make_deterministic({0, 6}, {6}, log_weights), usual(), 4);
}

TEST_CASE("a mixture under rules tosses its coin first") {
  std::vector<std::unique_ptr<SlateDistribution>> parts;
  parts.push_back(make_uniform({0, 5}, {5}));
  parts.push_back(make_deterministic({0, 5}, {5}, {1, 5, 2, 4, 3}));
  const auto orders = make_mixture(std::move(parts), {0.4, 0.6});
  check_filtered(*orders, rules({kFree, kFree, 0, kFree, kFree}, {1, 1, 0, 1, 0}, 1), 3);
}

TEST_CASE("a step-by-step model under rules is masked at each step") {
  /// Wants what differs from the choice above.
  struct Moody final : NextChoice {
    void logits(std::size_t, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
      for (std::size_t r = 0; r < prefixes.n; ++r)
        for (Eigen::Index c = 0; c < out.cols(); ++c)
          out(static_cast<Eigen::Index>(r), c) =
              prefixes.length == 0
                  ? 0.3 * static_cast<double>(c)
                  : std::abs(static_cast<double>(c) - static_cast<double>(prefixes.row(r).back()));
    }
  };
  const auto rule = usual();
  const auto orders = make_sequential({0, 6}, {6}, std::make_shared<Moody>(), 2);
  const auto slates = restrict_slates(*orders, rule, {3});
  check_against_enumeration(*slates, 0, 1e-12);
  check_frequencies(*slates, 0, 60000, 17);
  // Behind 4 comes 3 for sure, then 1 or 2 (0 and 5 count, and 4 was one of them).
  const double first = std::exp(0.6);
  double sum = 0;
  for (const int c : {0, 1, 2, 4, 5}) sum += std::exp(0.15 * c);
  CHECK(probability(*slates, 0, {4, 3, 1}) ==
        Approx(first / sum * std::exp(1.0) / (std::exp(1.0) + std::exp(0.5))).epsilon(1e-12));
  const auto beam = make_beam({0, 6}, {3}, *under_rules(std::make_shared<Moody>(), rule), 1000, 2);
  double most = 0;
  for (const Slate& slate : all_slates(6, 3)) most = std::max(most, probability(*slates, 0, slate));
  CHECK(probability(*slates, 0, drawn_slate(*beam, 0)) == most);
}

TEST_CASE(
    "Thompson sampling keeps its exact probabilities around choices with places of their own") {
  const std::vector<Beta> betas{{3, 10}, {2, 5}, {1, 4}, {5, 9}, {2, 2}};
  const auto orders =
      make_thompson({0, 5}, {5}, make_beta_posteriors({betas}), {0}, {0, 1, 2, 3, 4});
  check_filtered(*orders, rules({kFree, 1, kFree, kFree, 2}, {1, 0, 0, 0, 0}, 1), 4, 1e-8);
  check_filtered(*orders, rules({0, kFree, kFree, kFree, kFree}, {0, 0, 0, 0, 0}, 0), 3, 1e-8);
  check_filtered(*orders, rules({3, 2, 1, 0, kFree}, {1, 1, 0, 0, 0}, 2), 5, 1e-8);
  CHECK_THROWS_WITH(
      restrict_slates(*orders, rules({kFree, 1, kFree, kFree, 2}, {1, 0, 1, 0, 0}, 1), {3}),
      Catch::Contains("limit"));
}

TEST_CASE("slates of which nothing exact is known under rules are refused") {
  const auto rule = rules({kFree, kFree, kFree}, {1, 1, 0}, 1);
  /// Of a kind that knows no rules.
  struct Unknown final : SlateDistribution {
    using SlateDistribution::SlateDistribution;
    bool deterministic() const override { return false; }
    std::uint8_t sample(std::size_t, const Rng&, const SlateAddress&,
                        std::span<std::uint16_t>) const override {
      return 0;
    }
    void prefix_probabilities(std::size_t, std::span<const std::uint16_t>,
                              std::span<double>) const override {}
    void marginals(std::size_t, Eigen::Ref<RowMatrix>) const override {}
    bool pair_marginals(std::size_t, Eigen::Ref<RowMatrix>) const override { return false; }
  };
  CHECK_THROWS_WITH(restrict_slates(Unknown({0, 3}, {3}), rule, {2}),
                    Catch::Contains("constraints"));
  const auto some = make_deterministic({0, 3}, {2}, {1, 2, 3});
  CHECK_THROWS_WITH(restrict_slates(*some, rule, {2}), Catch::Contains("some of the modules"));
}
