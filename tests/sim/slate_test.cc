#include "sim/slate.h"

#include "tests/catch.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

std::unique_ptr<SlateDistribution> mixture_of_two(double weight) {
  std::vector<std::unique_ptr<SlateDistribution>> parts;
  parts.push_back(make_deterministic({0, 4}, {3}, {0.1, 0.4, 0.2, 0.3}));
  parts.push_back(make_uniform({0, 4}, {3}));
  return make_mixture(std::move(parts), {weight, 1 - weight});
}

}  // namespace

TEST_CASE("uniform slates agree with their enumeration and with samples") {
  const auto slates = make_uniform({0, 4, 7, 8, 8}, {3, 3, 1, 0});
  for (std::size_t i = 0; i < 3; ++i) check_against_enumeration(*slates, i, 1e-14);
  CHECK(probability(*slates, 0, {2, 0, 3}) == Approx(1.0 / 24));
  check_frequencies(*slates, 0, 40000, 5);
  CHECK_FALSE(slates->deterministic());
  CHECK(slates->pattern(0) != 0);
}

TEST_CASE("deterministic slates order by score, equal scores in the order of the choices") {
  const auto slates =
      make_deterministic({0, 4, 8}, {3, 2}, {0.2, 0.5, 0.2, 0.1, 1.0, 1.0, 2.0, 1.0});
  CHECK(probability(*slates, 0, {1, 0, 2}) == 1);
  CHECK(probability(*slates, 0, {1, 2, 0}) == 0);
  CHECK(probability(*slates, 1, {2, 0}) == 1);
  std::vector<double> prefix(3);
  slates->prefix_probabilities(0, Slate{1, 2, 0}, prefix);
  CHECK(prefix == std::vector<double>{1, 0, 0});
  std::vector<double> position(3);
  slates->position_probabilities(0, Slate{1, 3, 2}, position);
  CHECK(position == std::vector<double>{1, 0, 1});
  for (std::size_t i = 0; i < 2; ++i) check_against_enumeration(*slates, i, 1e-15);
  check_frequencies(*slates, 0, 100, 5);
  CHECK(slates->deterministic());
  CHECK(slates->pattern(0) != slates->pattern(1));
}

TEST_CASE("deterministic slates of many choices keep their order") {
  std::vector<double> scores(50);
  for (std::size_t c = 0; c < 50; ++c) scores[c] = static_cast<double>((c * 37) % 50);
  const auto slates = make_deterministic({0, 50}, {50}, scores);
  Slate slate(50);
  slates->sample(0, Rng(1), {Draw::kPolicy, {}, {}, 0}, slate);
  for (std::size_t k = 0; k < 50; ++k) CHECK(scores[slate[k]] == 49.0 - static_cast<double>(k));
}

TEST_CASE("a mixture mixes slates, prefixes, marginals and pairs, with one coin a slate") {
  const auto slates = mixture_of_two(0.7);
  check_against_enumeration(*slates, 0, 1e-14);
  check_frequencies(*slates, 0, 40000, 6);
  CHECK(probability(*slates, 0, {1, 3, 2}) == Approx(0.7 + 0.3 / 24));
  CHECK_FALSE(slates->deterministic());
  CHECK(mixture_of_two(1)->deterministic());
  CHECK(slates->pattern(0) != 0);
}

TEST_CASE("a mixture says which of its parts drew, also where a part is a mixture") {
  std::vector<std::unique_ptr<SlateDistribution>> parts;
  parts.push_back(mixture_of_two(0.5));
  parts.push_back(make_deterministic({0, 4}, {3}, {4, 3, 2, 1}));
  const auto slates = make_mixture(std::move(parts), {0.4, 0.6});
  CHECK(probability(*slates, 0, {0, 1, 2}) == Approx(0.6 + 0.2 / 24));
  check_against_enumeration(*slates, 0, 1e-14);
  check_frequencies(*slates, 0, 40000, 8);
  const Rng rng(3);
  const std::vector<std::uint16_t> ids{0, 1, 2, 3};
  int second = 0;
  const int n = 20000;
  for (int t = 0; t < n; ++t) {
    Slate slate(3);
    const Turn turn{UserId{static_cast<std::uint32_t>(t)}, 0, 0};
    const int component = slates->sample(0, rng, {Draw::kPolicy, turn, ids, 0}, slate);
    REQUIRE(component <= 1);
    if (component == 1) CHECK(slate == Slate{0, 1, 2});
    second += component;
  }
  CHECK(std::abs(second / double(n) - 0.6) < 4 * std::sqrt(0.24 / n));
}

TEST_CASE("a choice's noise does not depend on the other choices or on the mixture around it") {
  const Rng rng(11);
  const Turn turn{UserId{9}, 2, 3};
  const auto three = make_uniform({0, 3}, {3});
  const auto four = make_uniform({0, 4}, {4});
  std::vector<std::unique_ptr<SlateDistribution>> parts;
  parts.push_back(make_uniform({0, 4}, {4}));
  const auto mixed = make_mixture(std::move(parts), {1.0});
  const std::vector<std::uint16_t> few{2, 70, 5};
  const std::vector<std::uint16_t> more{2, 5, 9000, 70};
  for (std::uint32_t user = 0; user < 200; ++user) {
    const Turn each{UserId{user}, turn.session, turn.round};
    Slate of_three(3);
    Slate of_four(4);
    Slate of_mixed(4);
    three->sample(0, rng, {Draw::kPolicy, each, few, 0}, of_three);
    four->sample(0, rng, {Draw::kPolicy, each, more, 0}, of_four);
    mixed->sample(0, rng, {Draw::kPolicy, each, more, 0}, of_mixed);
    CHECK(of_mixed == of_four);
    std::vector<std::uint16_t> by_id;
    for (const std::uint16_t choice : of_four)
      if (more[choice] != 9000) by_id.push_back(more[choice]);
    for (std::size_t k = 0; k < 3; ++k) CHECK(by_id[k] == few[of_three[k]]);
  }
}
