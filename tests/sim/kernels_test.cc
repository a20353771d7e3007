#include "sim/core/kernels.h"

#include <cstring>

#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

std::vector<double> noise(std::size_t n, std::uint32_t user) {
  Stream stream = Rng(3).stream(Draw::kTraining, Turn{UserId{user}, 0, 0});
  std::vector<double> out(n);
  for (double& value : out) value = stream.uniform() - 0.4;
  return out;
}

}  // namespace

TEST_CASE("sums of products equal the plain loop to the last bit with and without AVX2") {
  for (const std::size_t n_a : {1u, 4u, 11u}) {
    for (const std::size_t n_b : {3u, 8u, 21u}) {
      const std::size_t n_rows = 300;
      const std::vector<double> a = noise(n_rows * n_a, 1), b = noise(n_rows * n_b, 2);
      std::vector<double> expected = noise(n_a * n_b, 3);
      std::vector<double> scalar = expected, fast = expected;
      for (std::size_t i = 0; i < n_a; ++i)
        for (std::size_t j = 0; j < n_b; ++j)
          for (std::size_t row = 0; row < n_rows; ++row)
            expected[i * n_b + j] += a[row * n_a + i] * b[row * n_b + j];
      add_products(a.data(), n_a, b.data(), n_b, n_rows, scalar.data(), Simd::kScalar);
      add_products(a.data(), n_a, b.data(), n_b, n_rows, fast.data(), best_simd());
      CHECK(std::memcmp(scalar.data(), expected.data(), 8 * expected.size()) == 0);
      CHECK(std::memcmp(fast.data(), expected.data(), 8 * expected.size()) == 0);
    }
  }
}

TEST_CASE("an outer product adds to the lower triangle, the same with and without AVX2") {
  const std::size_t n = 12;
  const std::vector<double> z = noise(n, 4);
  std::vector<double> scalar = noise(n * n, 5);
  const std::vector<double> before = scalar;
  std::vector<double> fast = scalar;
  add_outer(0.7, z.data(), n, scalar.data(), Simd::kScalar);
  add_outer(0.7, z.data(), n, fast.data(), best_simd());
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      CHECK(scalar[i * n + j] == before[i * n + j] + 0.7 * z[i] * z[j]);
      CHECK(fast[i * n + j] == scalar[i * n + j]);
    }
  }
}
