#include "analysis/return_distribution.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Four sessions of two steps; returns 0, 1, 1, 3 with gamma 1; whole-session weights 2, .5, .5, 1.
struct Sessions {
  std::vector<std::uint32_t> action{0, 0, 0, 1, 1, 0, 1, 1};
  std::vector<double> reward{0, 0, 1, 0, 0, 1, 1, 2};
  std::vector<double> pscore{.5, .5, .5, .5, .5, .5, .5, .5};
  std::vector<double> action_dist{1, 0, 1, 0, .5, .5, .75, .25, .5, .5, .25, .75, .5, .5, .5, .5};
  std::vector<double> q_hat{1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 0, 0, 3, 3, 0, 0};
  double gamma = 1;

  Trajectories view() const {
    return {2, 2, gamma, action, reward, pscore, action_dist, q_hat, {}, {}, {}};
  }
};

}  // namespace

TEST_CASE("a weighted distribution function is the weighted share of returns up to each point") {
  Sessions sessions;
  sessions.action_dist[0] = 1;
  const std::vector<double> weights = session_weights(sessions.view());
  CHECK(weights[0] == Approx(4));
  const double w[] = {weights[0], weights[1], weights[2], weights[3]};
  const double total = w[0] + w[1] + w[2] + w[3];
  const ReturnCdf sn = return_cdf(CdfEstimator::kSntis, sessions.view());
  CHECK(sn.point == std::vector<double>{0, 1, 3});
  CHECK(sn.at(-.1) == 0);
  CHECK(sn.at(0) == Approx(w[0] / total).epsilon(1e-14));
  CHECK(sn.at(.99) == sn.at(0));
  CHECK(sn.at(1) == Approx((w[0] + w[1] + w[2]) / total).epsilon(1e-14));
  CHECK(sn.at(7) == Approx(1).epsilon(1e-14));
  const double mean = (w[1] + w[2] + 3 * w[3]) / total;
  CHECK(sn.mean() == Approx(mean).epsilon(1e-14));
  CHECK(sn.variance() == Approx((w[1] + w[2] + 9 * w[3]) / total - mean * mean).epsilon(1e-13));
  // Not divided by their mean, the weights may pass 1: clipped there.
  CHECK(return_cdf(CdfEstimator::kTis, sessions.view()).at(0) == 1);
}

TEST_CASE("the doubly robust distribution function corrects the model by the weighted residual") {
  const Sessions sessions;
  const std::vector<double> w = session_weights(sessions.view());
  // V = 1, 1, 1.5, 3; R = 0, 1, 1, 3
  const ReturnCdf cdf = return_cdf(CdfEstimator::kTdr, sessions.view());
  const double at_0 = w[0] / 4;
  const double at_1 = (w[2] + 2) / 4;
  CHECK(cdf.at(0) == Approx(std::min(at_0, 1.0)).epsilon(1e-14));
  CHECK(cdf.at(1) == Approx(std::min(std::max(at_0, at_1), 1.0)).epsilon(1e-14));
  CHECK(cdf.at(3) == Approx(1).epsilon(1e-14));
  const ReturnCdf model = return_cdf(CdfEstimator::kDm, sessions.view());
  CHECK(model.point == std::vector<double>{1, 1.5, 3});
  CHECK(model.cumulative[0] == Approx(.5));
}

TEST_CASE("quantiles and tail means follow the distribution function") {
  const ReturnCdf cdf{{0, 1, 3}, {.2, .5, 1}};
  CHECK(cdf.quantile(0) == 0);
  CHECK(cdf.quantile(.2) == 0);
  CHECK(cdf.quantile(.21) == 1);
  CHECK(cdf.quantile(.5) == 1);
  CHECK(cdf.quantile(1) == 3);
  CHECK(cdf.cvar(0) == 0);
  CHECK(cdf.cvar(.2) == 0);
  CHECK(cdf.cvar(.4) == Approx(.2 / .4).epsilon(1e-14));
  CHECK(cdf.cvar(1) == Approx(cdf.mean()).epsilon(1e-14));
  const ReturnCdf short_of_one{{0, 2}, {.25, .5}};
  CHECK(short_of_one.quantile(.9) == 2);
  CHECK(short_of_one.cvar(1) == Approx(1.5).epsilon(1e-14));
  // cvar is never above the quantile and never falls
  for (double alpha = .1; alpha < 1; alpha += .1) {
    CHECK(cdf.cvar(alpha) <= cdf.quantile(alpha) + 1e-12);
    CHECK(cdf.cvar(alpha) <= cdf.cvar(alpha + .1) + 1e-12);
  }
}

TEST_CASE("SCOPE-RL discounts the first reward already and leaves returns at a grid point out") {
  Sessions sessions;
  sessions.gamma = .5;
  CHECK(session_returns(sessions.view()) == std::vector<double>{0, 1, .5, 2});
  CHECK(session_returns(sessions.view(), 1) == std::vector<double>{0, .5, .25, 1});
  sessions.gamma = 1;  // then the discounts agree, and what is left is how bins are closed
  const std::vector<double> grid{0, 1, 2, 3}, alphas{.5};
  const CdfSummary as_coded = scope_rl_summary(CdfEstimator::kSntis, sessions.view(), grid, alphas);
  const CdfSummary exact =
      summarize(return_cdf(CdfEstimator::kSntis, sessions.view()), grid, alphas);
  CHECK(as_coded.cdf[0] == 0);
  CHECK(exact.cdf[0] > 0);
  CHECK(as_coded.cdf[1] == Approx(exact.cdf[0]));
  CHECK(as_coded.cdf[3] == Approx(exact.cdf[3]));
}

TEST_CASE("no sessions and weights of zero throughout are refused") {
  Trajectories none;
  none.n_steps = 1;
  CHECK_THROWS_AS(return_cdf(CdfEstimator::kDm, none), Error);
  Sessions sessions;
  for (std::size_t s = 0; s < 8; ++s)
    for (std::size_t a = 0; a < 2; ++a)
      sessions.action_dist[2 * s + a] = a == sessions.action[s] ? 0 : 1;
  CHECK_THROWS_AS(return_cdf(CdfEstimator::kSntis, sessions.view()), Error);
  CHECK_NOTHROW(return_cdf(CdfEstimator::kTis, sessions.view()));
}

TEST_CASE("the expected return is the mean of the distribution where nothing is clipped") {
  const Sessions sessions;
  for (const CdfEstimator estimator : {CdfEstimator::kDm, CdfEstimator::kSntis})
    CHECK(expected_return(estimator, sessions.view()).value ==
          Approx(return_cdf(estimator, sessions.view()).mean()).epsilon(1e-13));
  CHECK(expected_return(CdfEstimator::kTis, sessions.view()).value ==
        Approx(estimate_sessions(trajectory_estimators().at("tis"), sessions.view()).value));
}

TEST_CASE("equal masses count: quantiles and the last step do not depend on rounding",
          "[return_distribution]") {
  for (const std::size_t n : {300U, 7U, 100000U}) {
    CAPTURE(n);
    const std::vector<double> ones(n, 1);
    const std::vector<std::uint32_t> action(n, 0);
    std::vector<double> reward(n);
    for (std::size_t i = 0; i < n; ++i) reward[i] = static_cast<double>(i + 1);
    Trajectories log;
    log.n_steps = 1;
    log.n_actions = 1;
    log.gamma = 1;
    log.action = action;
    log.reward = reward;
    log.pscore = ones;
    log.action_dist = ones;
    for (const CdfEstimator estimator : {CdfEstimator::kTis, CdfEstimator::kSntis}) {
      const ReturnCdf cdf = return_cdf(estimator, log);
      CHECK(cdf.cumulative.back() == Approx(1).epsilon(1e-15));
      CHECK(cdf.mean() == Approx(0.5 * static_cast<double>(n + 1)).epsilon(1e-14));
      for (const std::size_t percent : {5U, 50U, 95U})  // the first i with i / n >= p
        CHECK(cdf.quantile(0.01 * static_cast<double>(percent)) ==
              static_cast<double>((n * percent + 99) / 100));
    }
  }
}
