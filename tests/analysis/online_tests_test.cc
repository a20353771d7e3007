#include "analysis/online_tests.h"

#include <cmath>

#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

Stream stream_of(std::uint32_t user) { return Rng(12).stream(Draw::kResponse, Turn{UserId{user}}); }

/// Users of 1 to 4 pages with tastes of their own.
void made_up_users(std::size_t n, std::vector<double>& clicks, std::vector<double>& pages) {
  for (std::uint32_t u = 0; u < n; ++u) {
    Stream stream = stream_of(u);
    pages.push_back(1 + u % 4);
    const double taste = 0.6 * stream.uniform();
    clicks.push_back(0);
    for (double page = 0; page < pages.back(); ++page)
      clicks.back() += stream.uniform() < taste ? 1 : 0;
  }
}

}  // namespace

TEST_CASE("the mSPRT statistic is the one worked out elsewhere, and a mixture of likelihoods",
          "[online]") {
  CHECK(msprt_statistic(1000, 0.02, 0.09, 1e-4) == Approx(1.192330).margin(1e-6));
  // Average over effects N(0, tau2) of the likelihood ratio of d ~ N(effect, 2 s2 / n).
  const double n = 400, d = 0.05, s2 = 0.2, tau2 = 4e-4, spread = 2 * s2 / n;
  double mixture = 0;
  const int steps = 20001;
  for (int j = 0; j < steps; ++j) {
    const double z = -8 + 16.0 * j / (steps - 1), effect = z * std::sqrt(tau2);
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * M_PI) * 16.0 / (steps - 1);
    mixture += density * std::exp((d * d - (d - effect) * (d - effect)) / (2 * spread));
  }
  CHECK(msprt_statistic(n, d, s2, tau2) == Approx(mixture).epsilon(1e-6));
}

TEST_CASE("a sequential p-value may be read at every look, and its interval agrees with it",
          "[online]") {
  int rejected = 0, found = 0;
  const int n_tests = 400;
  for (std::uint32_t r = 0; r < n_tests; ++r) {
    Stream stream = stream_of(r);
    SequentialTest null_test(0.01), effect_test(0.01);
    double null_sum = 0, last = 1;
    for (int n = 1; n <= 600; ++n) {
      null_sum += normal_quantile(stream.uniform()) - normal_quantile(stream.uniform());
      const double p = null_test.look(n, null_sum / n, 1);
      CHECK(p <= last);
      last = p;
      effect_test.look(n, null_sum / n + 0.3, 1);
    }
    rejected += null_test.p_value() <= 0.05 ? 1 : 0;
    found += effect_test.p_value() <= 0.05 ? 1 : 0;
  }
  CHECK(rejected <= n_tests * 0.05 + 4 * std::sqrt(n_tests * 0.05 * 0.95));
  CHECK(found > 0.95 * n_tests);
  // The interval's end is the difference that has p = alpha.
  const SequentialTest test(0.01);
  const Interval interval = test.interval(300, 0.2, 1, 0.05);
  CHECK(1 / msprt_statistic(300, 0.2, 1, 0.01, interval.low) == Approx(0.05).epsilon(1e-9));
  CHECK(1 / msprt_statistic(300, 0.2, 1, 0.01, interval.high) == Approx(0.05).epsilon(1e-9));
  CHECK_THROWS_AS(msprt_statistic(0, 0.2, 1, 0.01), Error);
}

TEST_CASE("CUPED takes out what was known before and keeps the effect", "[online]") {
  std::vector<double> y, x;
  std::vector<std::uint8_t> arm;
  const std::uint32_t n = 8000;
  for (std::uint32_t u = 0; u < n; ++u) {
    Stream stream = stream_of(u);
    const double before = normal_quantile(stream.uniform());
    arm.push_back(stream.uniform() < 0.5 ? 0 : 1);
    x.push_back(5 + before);
    y.push_back(0.1 * arm.back() + 0.8 * before + 0.6 * normal_quantile(stream.uniform()));
  }
  const CupedResult out = cuped(y, x, arm);
  CHECK(out.theta == Approx(0.8).margin(4 * 0.6 / std::sqrt(n)));
  // Correlation 0.8: the variance falls by 1 - 0.64.
  CHECK(out.variance_ratio == Approx(0.36).margin(0.03));
  CHECK(out.standard_error == Approx(2 * 0.6 / std::sqrt(n)).epsilon(0.03));
  CHECK(out.difference == Approx(0.1).margin(4 * out.standard_error));
  CHECK(out.p_value < 1e-6);
  // A covariate that says nothing changes nothing.
  const CupedResult plain = cuped(y, std::vector<double>(n, 1.0), arm);
  CHECK(plain.theta == 0);
  CHECK(plain.variance_ratio == 1);
  CHECK(plain.standard_error == Approx(2 * 1.0 / std::sqrt(n)).epsilon(0.03));
  CHECK_THROWS_AS(cuped(y, std::vector<double>{1}, arm), Error);
  CHECK_THROWS_AS(cuped(y, x, std::vector<std::uint8_t>(n, 1)), Error);
}

TEST_CASE("a linearized ratio has the ratio's mean and delta-method error", "[online]") {
  std::vector<double> clicks, pages;
  made_up_users(3000, clicks, pages);
  const std::vector<double> z = linearized(clicks, pages);
  const Ratio ratio = per_round(clicks, pages, std::vector<double>(3000, 1.0));
  double mean = 0, squares = 0;
  for (const double value : z) mean += value / 3000;
  for (const double value : z) squares += (value - mean) * (value - mean);
  CHECK(mean == Approx(ratio.value).epsilon(1e-12));
  CHECK(std::sqrt(squares / 2999 / 3000) == Approx(ratio.standard_error).epsilon(1e-9));
  // Users are the unit: rounds of one user are alike, so that the naive error is too small.
  const double naive = std::sqrt(ratio.value * (1 - ratio.value) / 7500);
  CHECK(ratio.standard_error > 1.1 * naive);
  CHECK_THROWS_AS(linearized(std::vector<double>{1}, std::vector<double>{0}), Error);
}

TEST_CASE("arms of wrong sizes are found by chi-square", "[online]") {
  const std::vector<double> even{0.5, 0.5};
  const RatioMismatch fine = sample_ratio_mismatch(std::vector<double>{5050, 4950}, even);
  CHECK(fine.chi_square == Approx(1).epsilon(1e-12));
  CHECK(fine.p_value == Approx(std::erfc(std::sqrt(0.5))).epsilon(1e-12));
  CHECK(fine.warning.empty());
  const RatioMismatch off = sample_ratio_mismatch(std::vector<double>{50500, 49000}, even);
  CHECK(off.p_value < 1e-5);
  CHECK(off.warning.find("do not trust") == 0);
  // Shares are scaled; two degrees of freedom have P(X > x) = exp(-x / 2).
  const RatioMismatch three =
      sample_ratio_mismatch(std::vector<double>{210, 95, 95}, std::vector<double>{2, 1, 1});
  CHECK(three.chi_square == Approx(0.5 + 0.25 + 0.25).epsilon(1e-12));
  CHECK(three.p_value == Approx(std::exp(-0.5)).epsilon(1e-12));
  CHECK_THROWS_AS(sample_ratio_mismatch(std::vector<double>{1}, std::vector<double>{1}), Error);
  CHECK_THROWS_AS(sample_ratio_mismatch(std::vector<double>{0, 0}, even), Error);
}

TEST_CASE(
    "A/A splits of one arm give uniform p-values when users are the unit, not when rounds are",
    "[online]") {
  std::vector<double> clicks, pages;
  made_up_users(600, clicks, pages);
  for (std::size_t u = 0; u < clicks.size(); ++u) {  // heavy users: 20 equal visits
    clicks[u] *= 20;
    pages[u] *= 20;
  }
  const AaCheck fine = aa_check(aa_p_values(clicks, pages, 500, Rng(2)));
  CHECK(fine.warning.empty());
  CHECK(fine.rejected == Approx(0.05).margin(4 * std::sqrt(0.05 * 0.95 / 500)));
  // p-values of a test whose errors are half of what they should be.
  std::vector<double> wrong;
  for (std::uint32_t i = 0; i < 500; ++i)
    wrong.push_back(
        std::erfc(std::abs(2 * normal_quantile(stream_of(i).uniform())) / std::sqrt(2.0)));
  const AaCheck bad = aa_check(wrong);
  CHECK(bad.rejected > 0.2);
  CHECK(bad.warning.find("equal arms differ") == 0);
  std::vector<double> timid(500, 0.04);
  for (std::size_t i = 25; i < 500; ++i) timid[i] = 0.9 + 0.0001 * static_cast<double>(i);
  CHECK(aa_check(timid).warning.find("p-values of equal arms are not uniform") == 0);
  CHECK_THROWS_AS(aa_check(std::vector<double>{}), Error);
  CHECK_THROWS_AS(aa_check(std::vector<double>{1.5}), Error);
}

TEST_CASE("the Kolmogorov-Smirnov distance of few p-values is worked by hand", "[online]") {
  const AaCheck check = aa_check(std::vector<double>{0.1, 0.5, 0.6});
  // Largest gap: after 0.6 all three are below, 1 - 0.6.
  CHECK(check.distance == Approx(0.4).epsilon(1e-12));
  CHECK(check.uniform_p_value > 0.5);
}
