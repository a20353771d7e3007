#include "sim/core/normal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

// Vectors are passed to inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace rehearsal {

namespace {

using Coefficients = std::array<double, 8>;

/// Args: x: a number, or Four of them.
template <class T>
[[gnu::always_inline]] inline T polynomial(const Coefficients& c, const T& x) {
  T value = x * c[7] + c[6];
  for (std::size_t i = 6; i-- > 0;) value = value * x + c[i];
  return value;
}

// |p - 1/2| <= 0.425
constexpr Coefficients kA{3.3871328727963666080e0,  1.3314166789178437745e+2,
                          1.9715909503065514427e+3, 1.3731693765509461125e+4,
                          4.5921953931549871457e+4, 6.7265770927008700853e+4,
                          3.3430575583588128105e+4, 2.5090809287301226727e+3};
constexpr Coefficients kB{1.0,
                          4.2313330701600911252e+1,
                          6.8718700749205790830e+2,
                          5.3941960214247511077e+3,
                          2.1213794301586595867e+4,
                          3.9307895800092710610e+4,
                          2.8729085735721942674e+4,
                          5.2264952788528545610e+3};
// sqrt(-log(tail)) <= 5
constexpr Coefficients kC{1.42343711074968357734e0,  4.63033784615654529590e0,
                          5.76949722146069140550e0,  3.64784832476320460504e0,
                          1.27045825245236838258e0,  2.41780725177450611770e-1,
                          2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr Coefficients kD{1.0,
                          2.05319162663775882187e0,
                          1.67638483018380384940e0,
                          6.89767334985100004550e-1,
                          1.48103976427480074590e-1,
                          1.51986665636164571966e-2,
                          5.47593808499534494600e-4,
                          1.05075007164441684324e-9};
// the far tail
constexpr Coefficients kE{6.65790464350110377720e0,  5.46378491116411436990e0,
                          1.78482653991729133580e0,  2.96560571828504891230e-1,
                          2.65321895265761230930e-2, 1.24266094738807843860e-3,
                          2.71155556874348757815e-5, 2.01033439929228813265e-7};
constexpr Coefficients kF{1.0,
                          5.99832206555887937690e-1,
                          1.36929880922735805310e-1,
                          1.48753612908506148525e-2,
                          7.86869131145613259100e-4,
                          1.84631831751005468180e-5,
                          1.42151175831644588870e-7,
                          2.04426310338993978564e-15};

constexpr double kMiddle = 0.425;
constexpr std::size_t kBlock = 64;

template <class T>
[[gnu::always_inline]] inline T middle_quantile(const T& q) {
  const T r = 0.180625 - q * q;
  return q * polynomial(kA, r) / polynomial(kB, r);
}

/// The middle's formula for all, then the tails' own for those that stand there.
/// Args: p: (n), n <= kBlock.
[[gnu::always_inline]] inline void block_body(double* p, std::size_t n) {
  std::array<double, kBlock> value{};
  std::array<std::uint8_t, kBlock> tail;
  std::size_t n_tails = 0;
  for (std::size_t i = 0; i < n; ++i) {
    value[i] = p[i] - 0.5;
    tail[n_tails] = static_cast<std::uint8_t>(i);
    n_tails += std::abs(value[i]) <= kMiddle ? 0 : 1;
  }
  for (std::size_t i = 0; i < n; i += 4) {
    Four& four = *reinterpret_cast<Four*>(value.data() + i);
    four = middle_quantile<Four>(four);
  }
  for (std::size_t t = 0; t < n_tails; ++t) value[tail[t]] = normal_quantile(p[tail[t]]);
  std::copy_n(value.data(), n, p);
}

void block_scalar(double* p, std::size_t n) { block_body(p, n); }
REHEARSAL_AVX2 void block_avx2(double* p, std::size_t n) { block_body(p, n); }

}  // namespace

double normal_quantile(double p) {
  const double q = p - 0.5;
  if (std::abs(q) <= kMiddle) return middle_quantile(q);
  const double r = std::sqrt(-std::log(q < 0 ? p : 1 - p));
  const double tail = r <= 5 ? polynomial(kC, r - 1.6) / polynomial(kD, r - 1.6)
                             : polynomial(kE, r - 5) / polynomial(kF, r - 5);
  return q < 0 ? -tail : tail;
}

void normal_quantiles(std::span<double> p, Simd simd) {
  for (std::size_t first = 0; first < p.size(); first += kBlock) {
    const std::size_t n = std::min(kBlock, p.size() - first);
    simd == Simd::kAvx2 ? block_avx2(p.data() + first, n) : block_scalar(p.data() + first, n);
  }
}

}  // namespace rehearsal
