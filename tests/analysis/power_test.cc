#include "analysis/power.h"

#include <cmath>

#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

TEST_CASE("an A/B test of +2.48 % on 0.12 clicks a page needs about 205,000 pages an arm",
          "[power]") {
  // Five slots that are looked at with these probabilities, at most one click each.
  const double theta[5] = {1, .70, .52, .40, .31};
  double variance = 0;
  for (const double t : theta) {
    const double p = 0.12 * t / 2.93;
    variance += p * (1 - p);
  }
  CHECK(pages_per_arm({0.0248, 0.95, 0.8, 1}, 0.12, variance) == Approx(205000).epsilon(0.01));
}

TEST_CASE("the power that is asked for is what simulated tests have", "[power]") {
  const Power goal{0.1, 0.95, 0.8, 1};
  const double n = pages_per_arm(goal, 0.5, 0.2);
  const double error = std::sqrt(2 * 0.2 / n);
  int found = 0;
  const int n_tests = 20000;
  Stream stream = Rng(1).stream(Draw::kResponse, Turn{});
  for (int i = 0; i < n_tests; ++i)
    found += 0.05 + error * normal_quantile(stream.uniform()) > 1.959963984540054 * error ? 1 : 0;
  CHECK(found / double(n_tests) == Approx(0.8).margin(4 * std::sqrt(0.16 / n_tests)));
}

TEST_CASE("pages grow with the square of what is asked for", "[power]") {
  const Power goal{0.02, 0.95, 0.8, 1};
  Power half = goal, many = goal;
  half.lift = 0.01;
  many.n_candidates = 10;
  CHECK(pages_to_decide(half, 1000, 0.1) == Approx(4 * pages_to_decide(goal, 1000, 0.1)));
  CHECK(pages_to_decide(goal, 1000, 0.2) == Approx(4 * pages_to_decide(goal, 1000, 0.1)));
  CHECK(pages_to_decide(many, 1000, 0.1) > 1.5 * pages_to_decide(goal, 1000, 0.1));
  // The lift stands the asked number of standard errors from 0 at that many pages.
  const double n = pages_to_decide(goal, 1000, 0.1);
  CHECK(0.02 / (0.1 * std::sqrt(1000 / n)) == Approx(1.959963984540054 + 0.8416212335729143));
  CHECK_THROWS_AS(pages_per_arm({0, 0.95, 0.8, 1}, 1, 1), Error);
  CHECK_THROWS_AS(pages_per_arm({0.1, 1, 0.8, 1}, 1, 1), Error);
}
