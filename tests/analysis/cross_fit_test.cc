#include "analysis/cross_fit.h"

#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Rewards linear in one feature, with a slope for each of three actions; the last is rare.
struct Linear {
  std::vector<double> context, reward;
  std::vector<std::uint32_t> action;

  explicit Linear(std::size_t n) {
    Stream draw = Rng(3).stream(Draw::kWorld, {});
    for (std::size_t i = 0; i < n; ++i) {
      context.push_back(2 * draw.uniform() - 1);
      action.push_back(i % 50 == 7 ? 2 : static_cast<std::uint32_t>(i % 2));
      reward.push_back(1 + static_cast<double>(action[i]) * context[i]);
    }
  }
  ContextRounds rounds() const { return {3, 1, context, action, reward}; }
};

}  // namespace

TEST_CASE("a cross-fitted model of a round has not seen the round") {
  Linear data(60);
  const auto fit = [&] {
    return cross_fit(
        data.rounds(), [] { return make_ridge(); }, 3, Rng(1));
  };
  const std::vector<double> before = fit();
  data.reward[10] += 5;
  const std::vector<double> after = fit();
  std::size_t moved = 0;
  for (std::size_t i = 0; i < 60; ++i)
    for (std::size_t a = 0; a < 3; ++a)
      if (before[i * 3 + a] != after[i * 3 + a]) {
        CHECK(i != 10);
        ++moved;
      }
  CHECK(moved >= 40);  // two folds of three learn from it
}

TEST_CASE("ridge regressions find slopes and leave unseen actions at the mean") {
  const Linear data(3000);
  const std::vector<double> q = cross_fit(
      data.rounds(), [] { return make_ridge(1e-6); }, 5, Rng(2));
  for (std::size_t i = 0; i < 3000; i += 100)
    for (std::size_t a = 0; a < 3; ++a)
      CHECK(q[i * 3 + a] == Approx(1 + static_cast<double>(a) * data.context[i]).margin(1e-5));
  const std::unique_ptr<ActionRegression> ridge = make_ridge();
  const std::vector<std::uint32_t> rows{0, 1, 2, 3};  // actions 0 and 1 alone
  ridge->fit(data.rounds(), rows);
  std::vector<double> out(3);
  ridge->predict(std::vector<double>{0.5}, out);
  double mean = 0;
  for (const std::uint32_t row : rows) mean += data.reward[row] / 4;
  CHECK(out[2] == Approx(mean).epsilon(1e-14));
  CHECK_THROWS_AS(cross_fit(
                      Linear(2).rounds(), [] { return make_ridge(); }, 3, Rng(1)),
                  Error);
}
