#include "analysis/repeated_runs.h"

#include <cmath>

#include "sim/core/draws.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("runs that are worse than before by Student's test fail, those that are not pass",
          "[repeated_runs]") {
  // Means 3 and 6, squares 2 + 8 with 4 degrees of freedom: a variance of 2.5 a run.
  const RunsTest test = test_worse({2, 3, 4}, {4, 6, 8}, 0, 0.04);
  CHECK(test.value == Approx(-3));
  CHECK(test.standard_error == Approx(std::sqrt(2.5 * 2 / 3)));
  CHECK(test.degrees == 4);
  // t is -2.324; the 96 % quantile at 4 degrees is 2.333.
  CHECK_FALSE(test.failed);
  CHECK(test.bound == Approx(-3 + 2.3329 * std::sqrt(5.0 / 3)).margin(1e-3));
  CHECK(test_worse({2, 3, 4}, {4, 6, 8}, 0, 0.05).failed);
  CHECK_FALSE(test_worse({2, 3, 4}, {4, 6, 8}, 0.5, 0.05).failed);
  CHECK_FALSE(test_worse({12, 13, 14}, {4, 6, 8}, 0, 0.05).failed);
}

TEST_CASE("one stored run counts as one more draw of what the runs draw from", "[repeated_runs]") {
  // Mean 1, variance 2 of one run: the difference varies by 2 / 2 + 2, with one degree of freedom,
  // whose 0.9 quantile is tan(0.4 pi).
  const RunsTest test = test_worse({0, 2}, {4}, 0.5, 0.1);
  CHECK(test.value == Approx(-3));
  CHECK(test.standard_error == Approx(std::sqrt(3.0)));
  CHECK(test.degrees == 1);
  CHECK(test.bound == Approx(-3 + std::tan(0.4 * 3.14159265358979) * std::sqrt(3.0)));
  CHECK_FALSE(test.failed);
  CHECK(test_worse({0, 0.2, 0.1, 0.15}, {4}, 0.5, 0.1).failed);
  CHECK_FALSE(test_worse({0, 0.2, 0.1, 0.15}, {0.3}, 0.5, 0.1).failed);
}

TEST_CASE("one stored run or several raise a false alarm as often as they are told to",
          "[repeated_runs]") {
  constexpr int kSuites = 20000;
  const double alpha = 0.05;
  for (const std::size_t n_stored : {1u, 2u, 5u}) {
    int failed = 0, without_its_noise = 0;
    for (std::uint32_t s = 0; s < kSuites; ++s) {
      Stream stream = Rng(11).stream(Draw::kWorld, {UserId{s}, 0, 0});
      std::vector<double> before(n_stored), now(5);
      for (double& lift : before) lift = 0.02 + 0.01 * normal_from(stream());
      for (double& lift : now) lift = 0.02 + 0.01 * normal_from(stream());
      failed += test_worse(now, before, 0, alpha).failed ? 1 : 0;
      double mean = 0;
      for (const double lift : before) mean += lift / static_cast<double>(n_stored);
      without_its_noise += test_below(now, mean, alpha).failed ? 1 : 0;
    }
    INFO(n_stored << " stored");
    const double error = std::sqrt(alpha * (1 - alpha) / kSuites);
    CHECK(std::abs(failed / static_cast<double>(kSuites) - alpha) < 4 * error);
    // A baseline that is taken for the truth would fail up to five times as often.
    CHECK(without_its_noise / static_cast<double>(kSuites) > 1.5 * alpha);
  }
}

TEST_CASE("runs that never vary are compared as they are", "[repeated_runs]") {
  CHECK_FALSE(test_worse({0.1, 0.1}, {0.1, 0.1, 0.1}, 0, 0.05).failed);
  CHECK(test_worse({0.1, 0.1}, {0.2, 0.2}, 0, 0.05).failed);
  CHECK_FALSE(test_worse({0.1, 0.1}, {0.2, 0.2}, 0.11, 0.05).failed);
  CHECK_FALSE(test_below({0, 0}, 0, 0.05).failed);
  CHECK_FALSE(test_at_least({0, 0}, 0, 0.95).failed);
  CHECK(chance_to_fail(test_at_least({0, 0}, 0, 0.95), 0, 0.95) == 0);
}

TEST_CASE("a limit is broken by evidence, a claim is kept by evidence", "[repeated_runs]") {
  // Mean 3, standard error 0.577, the 95 % quantile at 2 degrees is 2.92.
  const RunsTest below = test_below({2, 3, 4}, 4, 0.05);
  CHECK(below.bound == Approx(3 + 2.920 * 0.57735).epsilon(1e-3));
  CHECK_FALSE(below.failed);
  CHECK(test_below({2, 3, 4}, 4.7, 0.05).failed);
  const RunsTest claim = test_at_least({2, 3, 4}, 1, 0.95);
  CHECK(claim.bound == Approx(3 - 2.920 * 0.57735).epsilon(1e-3));
  CHECK_FALSE(claim.failed);
  CHECK(test_at_least({2, 3, 4}, 1.4, 0.95).failed);
  // At the bound itself half of all other runs would fail.
  CHECK(chance_to_fail(claim, claim.bound, 0.95) == Approx(0.5).epsilon(1e-6));
  // At 2 degrees P(T < -t) = 1/2 - t / (2 sqrt(2 + t^2)), here with t = 5 / 0.577 - 2.920.
  CHECK(chance_to_fail(claim, -2, 0.95) == Approx(0.01452).epsilon(1e-3));
}

TEST_CASE("what is found with the power asked for lies that many standard errors away",
          "[repeated_runs]") {
  // 2.920 + 1.061, the 95 % and 80 % quantiles at 2 degrees.
  CHECK(test_below({2, 3, 4}, 4, 0.05).smallest_found == Approx(3.981 * 0.57735).epsilon(1e-3));
  CHECK(test_at_least({2, 3, 4}, 1, 0.95).smallest_found ==
        Approx(2 - (2.920 - 1.061) * 0.57735).epsilon(1e-3));
  CHECK(test_worse({2, 3, 4}, {2, 3, 4}, 0.3, 0.05).smallest_found ==
        Approx(0.3 + (2.132 + 0.941) * std::sqrt(2.0 / 3)).epsilon(1e-3));
}

TEST_CASE("the binomial tail of a small case", "[repeated_runs]") {
  CHECK(binomial_tail(0, 3, 0.5) == Approx(0.125));
  CHECK(binomial_tail(2, 3, 0.5) == Approx(0.875));
}
