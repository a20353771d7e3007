#include "analysis/pas_if.h"

#include <cmath>

#include "analysis/minimize.h"
#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Two contexts, three actions; the behavior leans to action 0, the target to action 2.
BanditColumns make_log(std::size_t n, std::uint64_t seed) {
  const double mu[3] = {0.6, 0.3, 0.1}, pi[3] = {0.1, 0.2, 0.7};
  BanditColumns log;
  log.behavior.resize(static_cast<Eigen::Index>(n), 3);
  log.evaluation.resize(static_cast<Eigen::Index>(n), 3);
  log.features = RowMatrix::Zero(static_cast<Eigen::Index>(3 * n), 3);
  for (std::uint32_t i = 0; i < n; ++i) {
    Stream stream = Rng(seed).stream(Draw::kResponse, Turn{UserId{i}});
    const double x = stream.uniform() < 0.5 ? 0 : 1, coin = stream.uniform();
    const std::uint32_t a = coin < mu[0] ? 0 : coin < mu[0] + mu[1] ? 1 : 2;
    log.action.push_back(a);
    log.reward.push_back(stream.uniform() < 0.1 + 0.2 * a + 0.1 * x ? 1 : 0);
    for (std::uint32_t b = 0; b < 3; ++b) {
      log.behavior(i, b) = mu[b];
      log.evaluation(i, b) = pi[b];
      log.features(3 * i + b, 0) = x;
      if (b > 0) log.features(3 * i + b, b) = 1;
    }
  }
  return log;
}

double ips(const PseudoLog& part) {
  double sum = 0;
  for (const std::uint32_t i : part.rows) sum += part.weight(i) * part.log.reward[i];
  return sum / static_cast<double>(part.rows.size());
}

double snips(const PseudoLog& part) {
  double sum = 0, weights = 0;
  for (const std::uint32_t i : part.rows) {
    sum += part.weight(i) * part.log.reward[i];
    weights += part.weight(i);
  }
  return sum / weights;
}

double mean_reward(const PseudoLog& part) {
  double sum = 0;
  for (const std::uint32_t i : part.rows) sum += part.log.reward[i];
  return sum / static_cast<double>(part.rows.size());
}

}  // namespace

TEST_CASE("a smooth function is minimized", "[selection]") {
  // Rosenbrock's valley, minimum 0 at (1, 1).
  const SmoothFunction valley = [](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    const double a = 1 - x[0], b = x[1] - x[0] * x[0];
    gradient[0] = -2 * a - 400 * x[0] * b;
    gradient[1] = 200 * b;
    return a * a + 100 * b * b;
  };
  Eigen::VectorXd x(2);
  x << -1.2, 1;
  CHECK(minimize(valley, x) == Approx(0).margin(1e-12));
  CHECK(x[0] == Approx(1).epsilon(1e-5));
  CHECK(x[1] == Approx(1).epsilon(1e-5));
}

TEST_CASE("the logistic rule's gradient is its derivative", "[selection]") {
  const BanditColumns log = make_log(7, 4);
  const auto rule = logistic_sampling_rule(3);
  Eigen::VectorXd x(4);
  x << -0.3, 0.8, -0.5, 1.1;
  RowMatrix rho, by_rho(7, 3);
  rule->apply(x, log, rho);
  for (Eigen::Index c = 0; c < by_rho.size(); ++c) by_rho.data()[c] = std::sin(double(c));
  const Eigen::VectorXd gradient = rule->gradient(x, log, rho, by_rho);
  for (Eigen::Index j = 0; j < 4; ++j) {
    Eigen::VectorXd up = x, down = x;
    up[j] += 1e-5;
    down[j] -= 1e-5;
    RowMatrix above, below;
    rule->apply(up, log, above);
    rule->apply(down, log, below);
    CHECK(gradient[j] == Approx((above - below).cwiseProduct(by_rho).sum() / 2e-5).epsilon(1e-6));
  }
}

TEST_CASE("PAS-IF cuts a log into a pseudo-target and a pseudo-behavior with the target's weights",
          "[selection]") {
  const BanditColumns log = make_log(4000, 1);
  const std::vector<PseudoEstimator> estimators{
      {"mean", mean_reward}, {"ips", ips}, {"snips", snips}};
  const auto rule = logistic_sampling_rule(3);
  const PasIfResult out = pas_if(log, estimators, *rule, {}, Rng(6));
  CHECK(out.share == Approx(0.2).margin(0.02));
  // A rule with rho / (1 - rho) proportional to pi / mu would match the weights but for a factor; a
  // rule that is blind to them has a loss of their variance, 4.05.
  CHECK(out.weight_loss < 0.2);
  // The mean reward judges the wrong policy; the two that reweigh are far better.
  CHECK(out.mse[0] > 10 * out.mse[1]);
  CHECK(out.index != 0);
  CHECK(out.reason.find(estimators[out.index].name + ": the least error of 3 estimators") == 0);
  const PasIfResult again = pas_if(log, estimators, *rule, {}, Rng(6));
  CHECK(again.mse == out.mse);
}

TEST_CASE("PAS-IF prefers the reward model where it is right and weighting where it is wrong",
          "[selection]") {
  const BanditColumns log = make_log(3000, 2);
  const auto model = [](double slope) {
    return [slope](const PseudoLog& part) {
      double sum = 0;
      for (const std::uint32_t i : part.rows)
        for (Eigen::Index a = 0; a < 3; ++a)
          sum += part.evaluation(i, a) *
                 (0.1 + slope * static_cast<double>(a) + 0.1 * part.log.features(3 * i, 0));
      return sum / static_cast<double>(part.rows.size());
    };
  };
  const auto rule = logistic_sampling_rule(3);
  const std::vector<PseudoEstimator> right{{"dm", model(0.2)}, {"ips", ips}};
  const std::vector<PseudoEstimator> wrong{{"dm", model(0.0)}, {"ips", ips}};
  PasIfOptions options;
  options.n_splits = 20;
  CHECK(pas_if(log, right, *rule, options, Rng(1)).index == 0);
  CHECK(pas_if(log, wrong, *rule, options, Rng(1)).index == 1);
}

TEST_CASE("PAS-IF refuses what it cannot cut", "[selection]") {
  BanditColumns log = make_log(50, 3);
  const auto rule = logistic_sampling_rule(3);
  const std::vector<PseudoEstimator> estimators{{"ips", ips}};
  CHECK_THROWS_AS(pas_if(log, {}, *rule, {}, Rng(1)), Error);
  BanditColumns off_support = log;
  off_support.behavior(5, off_support.action[5]) = 0;
  CHECK_THROWS_AS(pas_if(off_support, estimators, *rule, {}, Rng(1)), Error);
  log.reward.pop_back();
  CHECK_THROWS_AS(pas_if(log, estimators, *rule, {}, Rng(1)), Error);
}
