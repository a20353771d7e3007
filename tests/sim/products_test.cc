#include "sim/core/products.h"

#include <vector>

#include "tests/catch.h"

using namespace rehearsal;

namespace {

std::vector<float> wavy(std::size_t n, float step) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = std::sin(step * static_cast<float>(i));
  return values;
}

}  // namespace

TEST_CASE("a product of matrices is its sums term by term, on every machine", "[products]") {
  // Around the sizes of tiles (4 rows; 16, 8 and 1 columns; 256 terms).
  for (const std::size_t m : {1, 3, 4, 9})
    for (const std::size_t k : {0, 1, 7, 255, 256, 700})
      for (const std::size_t n : {1, 7, 8, 16, 29, 40}) {
        const std::vector<float> a = wavy(m * k, 0.7f);
        const std::vector<float> b = wavy(k * n, 0.3f);
        for (const bool add : {false, true}) {
          std::vector<float> expected(m * n, add ? 2.0f : 0.0f);
          for (std::size_t i = 0; i < m; ++i)
            for (std::size_t j = 0; j < n; ++j)
              for (std::size_t t = 0; t < k; ++t)
                expected[i * n + j] += a[i * k + t] * b[t * n + j];
          for (const Simd simd : {Simd::kScalar, best_simd()}) {
            std::vector<float> c(m * n, 2.0f);
            multiply({a.data(), k, 1}, b.data(), m, k, n, add, c.data(), simd);
            CHECK(c == expected);
          }
        }
      }
}

TEST_CASE("a product takes a transposed matrix where it stands", "[products]") {
  const std::size_t m = 6, k = 11, n = 17;
  const std::vector<float> a = wavy(m * k, 0.7f);
  const std::vector<float> b = wavy(k * n, 0.3f);
  std::vector<float> transposed(k * m);
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t t = 0; t < k; ++t) transposed[t * m + i] = a[i * k + t];
  std::vector<float> plain(m * n), from_transposed(m * n);
  multiply({a.data(), k, 1}, b.data(), m, k, n, false, plain.data());
  multiply({transposed.data(), 1, m}, b.data(), m, k, n, false, from_transposed.data());
  CHECK(plain == from_transposed);
}
