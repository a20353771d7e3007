#include "sim/core/rng.h"

#include <Random123/philox.h>

#include <boost/random/beta_distribution.hpp>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cmath>

#include "sim/core/philox.h"
#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("bulk filling gives the words that streams give") {
  const Rng rng(7);
  const Turn turn{UserId{123}, 4, 5};
  for (const std::uint32_t n : {0u, 1u, 2u, 3u, 7u, 8u, 10u, 25u, 63u, 64u, 65u, 200u}) {
    std::vector<std::uint32_t> bulk(4 * n);
    rng.fill(Draw::kResponse, turn, 3, bulk);
    for (std::uint32_t item = 0; item < n; ++item) {
      Stream stream = rng.stream(Draw::kResponse, turn, 3 + item);
      for (std::size_t word = 0; word < 4; ++word) REQUIRE(bulk[4 * item + word] == stream());
    }
  }
}

TEST_CASE("bulk filling of many turns gives each turn's own words") {
  const Rng rng(0x123456789abcdefu);
  const std::vector<Turn> turns{
      {UserId{0}, 0, 0}, {UserId{5}, 1, 2}, {UserId{4000000000u}, 65535, 9}};
  const std::uint32_t n_items = 27;
  std::vector<std::uint32_t> bulk(4 * n_items * turns.size());
  rng.fill(Draw::kRequest, turns, 11, n_items, bulk);
  for (std::size_t t = 0; t < turns.size(); ++t) {
    std::vector<std::uint32_t> own(4 * n_items);
    rng.fill(Draw::kRequest, turns[t], 11, own);
    const std::vector<std::uint32_t> part(
        bulk.begin() + static_cast<std::ptrdiff_t>(4 * n_items * t),
        bulk.begin() + static_cast<std::ptrdiff_t>(4 * n_items * (t + 1)));
    CHECK(part == own);
  }
}

TEST_CASE("Philox4x32-10 gives the published known answers") {
  // Random123's kat_vectors: counter, key, output.
  const std::vector<std::array<std::uint32_t, 10>> vectors{
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
       0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (const auto& v : vectors) {
    const r123::Philox4x32_R<10>::ctr_type out =
        r123::Philox4x32_R<10>()({{v[0], v[1], v[2], v[3]}}, {{v[4], v[5]}});
    for (std::size_t word = 0; word < 4; ++word) CHECK(out[word] == v[6 + word]);
  }
  // A stream at address 0 of the all-zero key gives the first vector.
  Stream stream({0, 0}, {0, 0, 0});
  for (std::size_t word = 0; word < 4; ++word) CHECK(stream() == vectors[0][6 + word]);
  std::array<std::uint32_t, 4> words{};
  const std::uint32_t zero = 0;
  philox_bulk({0, 0}, {&zero, &zero, &zero}, 1, words.data());
  for (std::size_t word = 0; word < 4; ++word) CHECK(words[word] == vectors[0][6 + word]);
}

TEST_CASE("the bulk kernel gives the bits of the scalar one for any counters and lengths") {
  Stream source = Rng(5).stream(Draw::kWorld, {});
  for (std::size_t n = 0; n <= 50; ++n) {
    std::vector<std::uint32_t> counters(3 * n + 1);
    for (std::uint32_t& word : counters) word = source();
    const PhiloxCounters at{counters.data(), counters.data() + n, counters.data() + 2 * n};
    const PhiloxKey key{source(), source()};
    std::vector<std::uint32_t> scalar(4 * n + 1, 77);
    std::vector<std::uint32_t> bulk(4 * n + 1, 77);
    philox_scalar(key, at, n, scalar.data());
    philox_bulk(key, at, n, bulk.data());
    CHECK(scalar == bulk);
  }
}

TEST_CASE("different addresses and seeds give different words") {
  const Turn turn{UserId{1}, 1, 1};
  const std::uint32_t word = Rng(1).stream(Draw::kPolicy, turn, 1)();
  CHECK(Rng(1).stream(Draw::kPolicy, turn, 1)() == word);
  CHECK(Rng(2).stream(Draw::kPolicy, turn, 1)() != word);
  CHECK(Rng(1ull + (1ull << 32)).stream(Draw::kPolicy, turn, 1)() != word);
  CHECK(Rng(1).stream(Draw::kRanker, turn, 1)() != word);
  CHECK(Rng(1).stream(Draw::kPolicy, turn, 2)() != word);
  CHECK(Rng(1).stream(Draw::kPolicy, {UserId{2}, 1, 1}, 1)() != word);
  CHECK(Rng(1).stream(Draw::kPolicy, {UserId{1}, 2, 1}, 1)() != word);
  CHECK(Rng(1).stream(Draw::kPolicy, {UserId{1}, 1, 2}, 1)() != word);
}

TEST_CASE("Boost's distributions run on streams and have the moments they should") {
  const int n = 50000;
  Stream stream = Rng(3).stream(Draw::kWorld, {});
  boost::random::normal_distribution<double> normal(2.0, 3.0);
  boost::random::exponential_distribution<double> exponential(0.5);
  boost::random::beta_distribution<double> beta(2.0, 6.0);
  double sums[3] = {};
  double square = 0;
  double uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double x = normal(stream);
    sums[0] += x;
    square += (x - 2) * (x - 2);
    sums[1] += exponential(stream);
    sums[2] += beta(stream);
    uniform += stream.uniform();
  }
  const double root_n = std::sqrt(n);
  CHECK(std::abs(sums[0] / n - 2) < 4 * 3 / root_n);
  CHECK(std::abs(square / n - 9) < 4 * 9 * std::sqrt(2.0) / root_n);
  CHECK(std::abs(sums[1] / n - 2) < 4 * 2 / root_n);
  CHECK(std::abs(sums[2] / n - 0.25) < 4 * std::sqrt(0.25 * 0.75 / 9) / root_n);
  CHECK(std::abs(uniform / n - 0.5) < 4 * std::sqrt(1.0 / 12) / root_n);
}

TEST_CASE("Poisson(1) by inversion has the distribution's probabilities to 2^-32") {
  double pmf = std::exp(-1.0);
  double cdf = 0;
  for (std::size_t k = 0; k < kPoissonOne.size(); ++k) {
    if (k > 0) pmf /= static_cast<double>(k);
    cdf += pmf;
    CHECK(std::abs(kPoissonOne[k] * 0x1p-32 - cdf) < 0x1p-32);
    CHECK(poisson_one(kPoissonOne[k] - 1) == k);
    CHECK(poisson_one(kPoissonOne[k]) == k + 1);
  }
  CHECK(poisson_one(0) == 0);
  CHECK(poisson_one(0xffffffffu) == 12);
}
