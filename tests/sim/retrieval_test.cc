#include "sim/world/retrieval.h"

#include <bit>

#include "sim/core/normal.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

std::vector<std::uint32_t> words_of(std::size_t n) {
  std::vector<std::uint32_t> words(4 * n);
  Rng(7).fill(Draw::kRequest, Turn{UserId{1}, 0, 0}, 0, words);
  return words;
}

}  // namespace

TEST_CASE("normal quantiles in bulk equal the single ones to the last bit with and without AVX2") {
  std::vector<double> p{1e-300, 1e-12, 0.075, 0.0750001, 0.5, 0.925, 1 - 1e-12};
  for (const std::uint32_t word : words_of(40)) p.push_back(Stream::to_uniform(word));
  for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{63}, p.size()}) {
    for (const Simd simd : {Simd::kScalar, best_simd()}) {
      std::vector<double> bulk(p.begin(), p.begin() + static_cast<std::ptrdiff_t>(n));
      normal_quantiles(bulk, simd);
      for (std::size_t i = 0; i < n; ++i) REQUIRE(bulk[i] == normal_quantile(p[i]));
    }
  }
}

TEST_CASE("the subsets retrieved are the same with and without AVX2, without the seed item") {
  for (const std::size_t n_candidates : {1u, 4u, 7u, 11u}) {
    const Retrieval retrieval{12, n_candidates};
    const std::size_t n = 103;
    std::vector<std::uint8_t> seed_place(n, kNowhere);
    for (std::size_t e = 0; e < n; e += 2) seed_place[e] = static_cast<std::uint8_t>(e / 2 % 12);
    const std::vector<std::uint32_t> words = words_of((n_candidates + 3) / 4 * n);
    std::vector<std::uint64_t> scalar(n), fast(n);
    choose_candidates(retrieval, seed_place, words, scalar, Simd::kScalar);
    choose_candidates(retrieval, seed_place, words, fast, best_simd());
    CHECK(scalar == fast);
    for (std::size_t e = 0; e < n; ++e) {
      REQUIRE(std::popcount(scalar[e]) == static_cast<int>(n_candidates));
      REQUIRE(scalar[e] >> 12 == 0);
      if (seed_place[e] != kNowhere) REQUIRE((scalar[e] >> seed_place[e] & 1) == 0);
    }
  }
}

TEST_CASE("chosen items come in the order of their pools") {
  const std::vector<std::uint32_t> pool{40, 41, 42, 43, 44, 45};
  const std::vector<const std::uint32_t*> pools{pool.data(), pool.data() + 1};
  const std::vector<std::uint64_t> chosen{0b100101, 0b010011};
  for (const Simd simd : {Simd::kScalar, best_simd()}) {
    std::vector<std::uint32_t> items(6);
    take_candidates(Retrieval{6, 3}, chosen, pools, items, simd);
    CHECK(items == std::vector<std::uint32_t>{40, 42, 45, 41, 42, 45});
  }
}
