// Slates placed step by step: their probabilities, draws, and what beams find.
#include <algorithm>
#include <limits>

#include "sim/core/error.h"
#include "sim/slate/beam.h"
#include "sim/slate/sequential.h"
#include "tests/catch.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Logits by a function of the prefix and the choice, alike for all decisions.
class LogitTable final : public NextChoice {
 public:
  using Logit = std::function<double(std::span<const std::uint16_t>, std::size_t)>;

  explicit LogitTable(Logit logit, std::uint64_t pattern = 0)
      : logit_(std::move(logit)), pattern_(pattern) {}

  void logits(std::size_t, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    ++calls;
    for (std::size_t r = 0; r < prefixes.n; ++r)
      for (Eigen::Index c = 0; c < out.cols(); ++c)
        out(static_cast<Eigen::Index>(r), c) = logit_(prefixes.row(r), static_cast<std::size_t>(c));
  }
  std::uint64_t pattern(std::size_t) const override { return pattern_; }

  mutable int calls = 0;

 private:
  Logit logit_;
  std::uint64_t pattern_;
};

/// Wants what differs from the choice above it, and more so further down.
double moody(std::span<const std::uint16_t> prefix, std::size_t c) {
  const double own = 0.7 * std::sin(static_cast<double>(2 * c + 1));
  if (prefix.empty()) return own;
  const double gap = static_cast<double>(c) - static_cast<double>(prefix.back());
  return own + 0.4 * static_cast<double>(prefix.size()) * std::abs(gap) - 0.3 * gap;
}

std::unique_ptr<SlateDistribution> sequential(LogitTable::Logit logit, std::uint16_t m,
                                              std::uint16_t l, double temperature = 1) {
  return make_sequential({0, m}, {l}, std::make_shared<LogitTable>(std::move(logit)), temperature);
}

Slate drawn(const SlateDistribution& slates, std::uint32_t user, std::uint64_t seed) {
  std::vector<std::uint16_t> ids(slates.n_choices(0));
  for (std::size_t c = 0; c < ids.size(); ++c) ids[c] = static_cast<std::uint16_t>(2 * c + 3);
  Slate slate(slates.n_positions(0));
  slates.sample(0, Rng(seed), {Draw::kPolicy, {UserId{user}, 1, 1}, ids, 0}, slate);
  return slate;
}

}  // namespace

TEST_CASE("step-by-step slates agree with their enumeration and with samples") {
  check_against_enumeration(*sequential(moody, 4, 4), 0, 1e-12);
  check_against_enumeration(*sequential(moody, 5, 3), 0, 1e-12);
  check_against_enumeration(*sequential(moody, 1, 1), 0, 1e-12);
  check_frequencies(*sequential(moody, 4, 4), 0, 60000, 11);
  check_frequencies(*sequential(moody, 5, 2, 0.5), 0, 60000, 12);
}

TEST_CASE("step-by-step slates multiply the softmax of each step") {
  const auto slates = sequential(moody, 3, 2, 0.5);
  const auto weight = [&](std::span<const std::uint16_t> prefix, std::size_t c) {
    return std::exp(moody(prefix, c) / 0.5);
  };
  const Slate head{2};
  const double first = weight({}, 2) / (weight({}, 0) + weight({}, 1) + weight({}, 2));
  const double second = weight(head, 0) / (weight(head, 0) + weight(head, 1));
  std::vector<double> prefix(2);
  slates->prefix_probabilities(0, Slate{2, 0}, prefix);
  CHECK(prefix[0] == Approx(first).epsilon(1e-13));
  CHECK(prefix[1] == Approx(first * second).epsilon(1e-13));
}

TEST_CASE("logits that ignore the prefix give the numbers and the draws of Plackett-Luce") {
  const std::vector<double> log_weights{1, -1, 0.3, -0.4, 0.9};
  const auto slates = sequential([&](auto, std::size_t c) { return 2 * log_weights[c]; }, 5, 3, 2);
  const auto plain = make_plackett_luce({0, 5}, {3}, log_weights);
  for (const Slate& slate : all_slates(5, 3))
    CHECK(probability(*slates, 0, slate) == Approx(probability(*plain, 0, slate)).epsilon(1e-12));
  RowMatrix own(3, 5), expected(3, 5), own_pairs(15, 15), expected_pairs(15, 15);
  slates->marginals(0, own);
  plain->marginals(0, expected);
  CHECK((own - expected).cwiseAbs().maxCoeff() < 1e-12);
  REQUIRE(slates->pair_marginals(0, own_pairs));
  REQUIRE(plain->pair_marginals(0, expected_pairs));
  CHECK((own_pairs - expected_pairs).cwiseAbs().maxCoeff() < 1e-12);
  for (std::uint32_t user = 0; user < 500; ++user)
    REQUIRE(drawn(*slates, user, 2) == drawn(*plain, user, 2));
}

TEST_CASE("step-by-step slates never show what is infeasible") {
  // Choice 0 only at position 1, choice 3 only behind choice 1.
  const LogitTable::Logit masked = [](std::span<const std::uint16_t> prefix, std::size_t c) {
    if ((c == 0) != (prefix.size() == 1)) return kInfeasible;
    const bool behind = std::find(prefix.begin(), prefix.end(), 1) != prefix.end();
    return c == 3 && !behind ? kInfeasible : moody(prefix, c);
  };
  const auto slates = sequential(masked, 5, 3);
  check_against_enumeration(*slates, 0, 1e-12);
  check_frequencies(*slates, 0, 60000, 13);
  CHECK(probability(*slates, 0, {1, 0, 3}) > 0);
  CHECK(probability(*slates, 0, {2, 0, 3}) == 0);
  CHECK(probability(*slates, 0, {0, 1, 2}) == 0);
}

TEST_CASE("mixtures of step-by-step slates agree with their enumeration and with samples") {
  const auto mixed = [] {
    std::vector<std::unique_ptr<SlateDistribution>> parts;
    parts.push_back(sequential(moody, 4, 3));
    parts.push_back(make_uniform({0, 4}, {3}));
    parts.push_back(make_beam({0, 4}, {3}, LogitTable(moody), 2));
    return make_mixture(std::move(parts), {0.5, 0.3, 0.2});
  }();
  check_against_enumeration(*mixed, 0, 1e-12);
  check_frequencies(*mixed, 0, 60000, 14);
}

TEST_CASE("a beam as wide as there are slates finds the likeliest of all") {
  for (const double temperature : {0.3, 1.0, 3.0})
    for (std::uint16_t l = 1; l <= 4; ++l) {
      const auto slates = sequential(moody, 4, l, temperature);
      double most = 0;
      Slate best;
      for (const Slate& slate : all_slates(4, l))
        if (probability(*slates, 0, slate) > most) {
          most = probability(*slates, 0, slate);
          best = slate;
        }
      const auto found = make_beam({0, 4}, {l}, LogitTable(moody), 24, temperature);
      CHECK(found->deterministic());
      CHECK(drawn(*found, 0, 1) == best);
    }
}

TEST_CASE("a greedy slate takes the likeliest choice of each step") {
  const auto greedy = make_beam({0, 5}, {4}, LogitTable(moody), 1);
  Slate expected;
  for (int k = 0; k < 4; ++k) {
    std::uint16_t best = 5;
    for (std::uint16_t c = 0; c < 5; ++c)
      if (std::find(expected.begin(), expected.end(), c) == expected.end() &&
          (best == 5 || moody(expected, c) > moody(expected, best)))
        best = c;
    expected.push_back(best);
  }
  CHECK(drawn(*greedy, 0, 1) == expected);
}

TEST_CASE("a wider beam can find what a greedy one misses, and ties fall to the first slate") {
  // The first step prefers choice 0, whose second steps are all alike; choice 1 leads on for sure.
  const LogitTable::Logit trap = [](std::span<const std::uint16_t> prefix, std::size_t c) {
    if (prefix.empty()) return c == 0 ? 0.1 : 0.0;
    return prefix[0] == 1 && c == 2 ? 9.0 : 0.0;
  };
  CHECK(drawn(*make_beam({0, 3}, {2}, LogitTable(trap), 1), 0, 1) == Slate{0, 1});
  CHECK(drawn(*make_beam({0, 3}, {2}, LogitTable(trap), 2), 0, 1) == Slate{1, 2});
  const LogitTable::Logit flat = [](auto, std::size_t) { return 0.5; };
  for (const std::size_t width : {1u, 3u, 100u})
    CHECK(drawn(*make_beam({0, 4}, {3}, LogitTable(flat), width), 0, 1) == Slate{0, 1, 2});
}

TEST_CASE("a beam search stops where nothing may follow") {
  const Extend only_two = [](const Prefixes& prefixes, std::span<const double>,
                             Eigen::Ref<RowMatrix> longer) {
    longer.setConstant(prefixes.length < 2 ? 1.0 : -INFINITY);
  };
  CHECK(beam_search(4, 3, 5, only_two) == Slate{0, 1});
}

TEST_CASE("decisions with one pattern are enumerated once") {
  const auto next = std::make_shared<LogitTable>(moody, 7);
  const auto slates = make_sequential({0, 4, 8, 12, 17}, {3, 3, 2, 3}, next);
  RowMatrix first(3, 4), second(3, 4);
  slates->marginals(0, first);
  const int calls = next->calls;
  slates->marginals(1, second);
  CHECK(next->calls == calls);
  CHECK(first == second);
  check_against_enumeration(*slates, 2, 1e-12);
  check_against_enumeration(*slates, 3, 1e-12);
}

TEST_CASE("step-by-step slates decline what they cannot do") {
  const auto flat = [](auto, std::size_t) { return 0.0; };
  const auto many = sequential(flat, 30, 6);
  RowMatrix marginals(6, 30), pairs(180, 180);
  CHECK_FALSE(many->pair_marginals(0, pairs));
  CHECK_THROWS_WITH(many->marginals(0, marginals), Catch::Contains("1000000"));
  const auto bad = [](auto, std::size_t) { return std::numeric_limits<double>::quiet_NaN(); };
  CHECK_THROWS_AS(drawn(*sequential(bad, 3, 2), 0, 1), Error);
  const auto none = [](std::span<const std::uint16_t> prefix, std::size_t) {
    return prefix.empty() ? 0.0 : kInfeasible;
  };
  CHECK_THROWS_WITH(drawn(*sequential(none, 3, 2), 0, 1), Catch::Contains("position 1"));
}
