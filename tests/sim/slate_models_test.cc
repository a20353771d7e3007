#include <thread>

#include "sim/core/error.h"
#include "sim/slate.h"
#include "tests/catch.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

std::unique_ptr<SlateDistribution> plackett_luce(std::vector<double> log_weights, std::uint16_t l) {
  return make_plackett_luce({0, static_cast<std::uint32_t>(log_weights.size())}, {l}, log_weights);
}

std::unique_ptr<SlateDistribution> thompson(const std::vector<Beta>& betas, std::uint16_t l) {
  std::vector<std::uint16_t> ids(betas.size());
  std::iota(ids.begin(), ids.end(), std::uint16_t{0});
  return make_thompson({0, static_cast<std::uint32_t>(betas.size())}, {l},
                       make_beta_posteriors({betas}), {0}, ids);
}

double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

/// P(Y > X) in closed form, for a whole number y.a (a finite sum of beta functions).
double p_below(const Beta& x, const Beta& y) {
  double sum = 0;
  for (double i = 0; i < y.a; ++i)
    sum += std::exp(log_beta(x.a + i, x.b + y.b) - std::log(y.b + i) - log_beta(1 + i, y.b) -
                    log_beta(x.a, x.b));
  return sum;
}

}  // namespace

TEST_CASE("Plackett-Luce of weights 1, 2, 3, 4 has the golden marginals") {
  const auto slates = plackett_luce({0, std::log(2.0), std::log(3.0), std::log(4.0)}, 4);
  RowMatrix expected(4, 4);
  expected << .1, .2, .3, .4, .134523810, .241269841, .308333333, .315873016, .214285714,
      .317460317, .261904762, .206349206, .551190476, .241269841, .129761905, .077777778;
  RowMatrix got(4, 4);
  slates->marginals(0, got);
  CHECK((got - expected).cwiseAbs().maxCoeff() < 1e-9);
  const auto two = plackett_luce({0, std::log(2.0), std::log(3.0), std::log(4.0)}, 2);
  CHECK(probability(*two, 0, {1, 3}) + probability(*two, 0, {3, 1}) ==
        Approx(.2333333).margin(1e-7));
  CHECK(probability(*two, 0, {1, 3}) == Approx(0.2 * 4 / 8).epsilon(1e-13));
}

TEST_CASE("Plackett-Luce agrees with its enumeration and with samples") {
  for (const double scale : {0.0, 0.5, 4.0, 40.0}) {
    std::vector<double> log_weights{1, -1, 0.3, -0.4, 0.9};
    for (double& weight : log_weights) weight *= scale;
    check_against_enumeration(*plackett_luce(log_weights, 3), 0, 1e-12);
    check_against_enumeration(*plackett_luce(log_weights, 5), 0, 1e-12);
  }
  check_frequencies(*plackett_luce({1, -0.5, 0.2, 0.4}, 3), 0, 60000, 21);
  check_against_enumeration(*plackett_luce({2.5}, 1), 0, 1e-12);
}

TEST_CASE("Plackett-Luce prefixes keep their digits where the rest is almost nothing") {
  const auto slates = plackett_luce({0, -50, -51, -52}, 4);
  std::vector<double> prefix(4);
  slates->prefix_probabilities(0, Slate{0, 2, 1, 3}, prefix);
  const double total = 1 + std::exp(-1.0) + std::exp(-2.0);
  const double second = std::exp(-1.0) / total;
  CHECK(prefix[1] == Approx(second).epsilon(1e-12));
  CHECK(prefix[2] == Approx(second / (1 + std::exp(-2.0))).epsilon(1e-12));
}

TEST_CASE("equal Plackett-Luce weights give the uniform policy's slates, draw for draw") {
  const auto slates = plackett_luce({3, 3, 3, 3, 3}, 3);
  const auto uniform = make_uniform({0, 5}, {3});
  const std::vector<std::uint16_t> ids{1, 4, 5, 8, 9};
  for (std::uint32_t user = 0; user < 500; ++user) {
    Slate a(3);
    Slate b(3);
    const SlateAddress address{Draw::kPolicy, {UserId{user}, 1, 1}, ids, 0};
    slates->sample(0, Rng(2), address, a);
    uniform->sample(0, Rng(2), address, b);
    REQUIRE(a == b);
  }
}

TEST_CASE("Plackett-Luce pair marginals are declined beyond a million slates of unlike weights") {
  std::vector<double> weights(30);
  std::iota(weights.begin(), weights.end(), 0.0);
  const auto slates = plackett_luce(weights, 6);
  RowMatrix pairs = RowMatrix::Constant(180, 180, 7);
  CHECK_FALSE(slates->pair_marginals(0, pairs));
  CHECK((pairs.array() == 7).all());
  CHECK_THROWS_AS(plackett_luce({0, INFINITY}, 1), Error);
}

TEST_CASE("pair marginals of a hundred choices of seven weights sum to their marginals") {
  std::vector<double> weights(100);
  for (int rank = 1; rank <= 100; ++rank)
    weights[static_cast<std::size_t>(rank - 1)] = -std::floor(std::log2(rank)) * std::log(2.0);
  const auto slates = plackett_luce(weights, 10);
  RowMatrix pairs(1000, 1000), marginals(10, 100);
  REQUIRE(slates->pair_marginals(0, pairs));
  slates->marginals(0, marginals);
  CHECK(pair_error(pairs, marginals) < 1e-12);
  CHECK((pairs - pairs.transpose()).cwiseAbs().maxCoeff() == 0);
}

TEST_CASE("two Thompson choices are ordered as the closed form says") {
  const std::vector<std::pair<Beta, Beta>> cases{{{1, 1}, {1, 1}},
                                                 {{3, 10}, {2, 5}},
                                                 {{1, 30}, {4, 60}},
                                                 {{0.5, 0.5}, {2, 2}},
                                                 {{5.5, 1.25}, {100, 30}},
                                                 {{0.1, 2}, {3, 0.3}},
                                                 {{1200, 99000}, {40, 3000}},
                                                 {{3000, 97000}, {3100, 96900}},
                                                 {{1, 1}, {1e5, 1e5}},
                                                 {{1, 1e5}, {2, 1e5}},
                                                 {{1e5, 9e4}, {1e4, 9.1e3}}};
  for (const auto& [x, y] : cases) {
    INFO("Beta(" << x.a << ", " << x.b << ") against Beta(" << y.a << ", " << y.b << ")");
    // Differences of log gammas of 1e5 have lost six digits.
    const double tolerance = x.a + x.b + y.a + y.b > 1000 ? 1e-8 : 1e-11;
    CHECK(std::abs(probability(*thompson({x, y}, 2), 0, {1, 0}) - p_below(x, y)) < tolerance);
  }
  // Beta(a, 1) against Beta(c, 1): P(X > Y) = a / (a + c).
  CHECK(std::abs(probability(*thompson({{3, 1}, {0.25, 1}}, 1), 0, {0}) - 3 / 3.25) < 1e-11);
}

TEST_CASE("equal posteriors give every order the same probability") {
  for (const Beta beta : {Beta{1, 1}, Beta{0.3, 7}, Beta{1e5, 2e6}}) {
    const auto three = thompson({beta, beta, beta}, 3);
    for (const Slate& slate : all_slates(3, 3))
      CHECK(std::abs(probability(*three, 0, slate) - 1.0 / 6) < 1e-11);
    const auto ten = thompson(std::vector<Beta>(10, beta), 5);
    CHECK(std::abs(probability(*ten, 0, {9, 3, 0, 4, 7}) - 1.0 / 30240) < 1e-12);
  }
}

TEST_CASE("Thompson probabilities agree with their enumeration, near and far apart") {
  check_against_enumeration(*thompson({{3, 40}, {5, 90}, {2, 20}, {1, 1}, {7, 70}}, 3), 0, 1e-9);
  check_against_enumeration(*thompson({{1, 1}, {1e5, 1e5}, {1e5, 1.01e5}, {50, 1e5}}, 4), 0, 1e-9);
  check_against_enumeration(*thompson({{10, 1e4}, {1e4, 10}, {1e5, 1e5}, {0.1, 3}}, 3), 0, 1e-9);
  check_against_enumeration(*thompson({{3, 8}}, 1), 0, 1e-11);
}

TEST_CASE("Thompson slates are sampled as often as they are probable") {
  check_frequencies(*thompson({{3, 40}, {5, 90}, {2, 20}, {0.1, 0.2}}, 3), 0, 20000, 31);
}

TEST_CASE("Thompson decisions use the posteriors of their own group and choices") {
  const std::vector<std::vector<Beta>> table{{{2, 9}, {3, 8}, {1, 4}, {6, 6}},
                                             {{9, 2}, {1, 8}, {7, 4}, {2, 6}}};
  const auto shared = make_beta_posteriors(table);
  const auto slates =
      make_thompson({0, 3, 6, 8}, {2, 3, 2}, shared, {1, 0, 1}, {0, 2, 3, 1, 2, 3, 1, 0});
  const auto own = [&](std::size_t g, std::vector<std::size_t> ids, std::uint16_t l) {
    std::vector<Beta> betas;
    for (const std::size_t id : ids) betas.push_back(table[g][id]);
    return thompson(betas, l);
  };
  CHECK(probability(*slates, 0, {2, 0}) ==
        Approx(probability(*own(1, {0, 2, 3}, 2), 0, {2, 0})).epsilon(1e-10));
  CHECK(probability(*slates, 1, {2, 0, 1}) ==
        Approx(probability(*own(0, {1, 2, 3}, 3), 0, {2, 0, 1})).epsilon(1e-10));
  CHECK(probability(*slates, 2, {0, 1}) ==
        Approx(probability(*own(1, {1, 0}, 2), 0, {0, 1})).epsilon(1e-10));
  for (std::size_t i = 0; i < 3; ++i) check_against_enumeration(*slates, i, 1e-9);
  CHECK(slates->pattern(0) != slates->pattern(1));
}

TEST_CASE("threads that share Thompson posteriors read the bits that one alone computes") {
  const std::vector<Beta> betas{{3, 40}, {5, 90}, {2, 20}, {4, 44}, {7, 70}};
  const std::vector<Slate> slates = all_slates(5, 3);
  std::vector<double> alone;
  const auto fresh = thompson(betas, 3);
  for (const Slate& slate : slates) alone.push_back(probability(*fresh, 0, slate));
  const auto shared = thompson(betas, 3);
  std::vector<std::vector<double>> seen(3);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < seen.size(); ++t)
    threads.emplace_back([&, t] {
      for (const Slate& slate : slates) seen[t].push_back(probability(*shared, 0, slate));
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::vector<double>& each : seen) CHECK(each == alone);
}

TEST_CASE("posteriors outside what is computed exactly are refused") {
  CHECK_THROWS_AS(make_beta_posteriors({{{1, 1}, {0.05, 1}}}), Error);
  CHECK_THROWS_AS(make_beta_posteriors({{{1, std::nan("")}}}), Error);
}
