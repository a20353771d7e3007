#include "analysis/influence_tree.h"

#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// One position below another, two actions each, uniform logging, a policy that takes action 1 with
/// probability 0.8 at both. The reward of users with feature above 0 depends on both actions, that
/// of the others on the own action alone.
struct SplitLog {
  InfluenceProblem problem;
  std::vector<double> reward;
  double truth = 0;

  explicit SplitLog(std::size_t n, std::uint64_t seed) {
    Stream stream = Rng(seed).stream(Draw::kWorld, {});
    problem.features.resize(static_cast<Eigen::Index>(n), 2);
    problem.weights.resize(static_cast<Eigen::Index>(n), 2);
    for (Eigen::Index i = 0; i < problem.features.rows(); ++i) {
      problem.features(i, 0) = 2 * stream.uniform() - 1;
      problem.features(i, 1) = stream.uniform();
      const int above = stream.uniform() < .5, own = stream.uniform() < .5;
      const auto ratio = [](int a) { return (a == 1 ? .8 : .2) / .5; };
      problem.weights(i, 0) = ratio(above) * ratio(own);
      problem.weights(i, 1) = ratio(own);
      const bool both = problem.features(i, 0) > 0;
      reward.push_back((both ? 2.0 * above * own : own) + .2 * stream.uniform());
    }
    problem.reward = reward;
    truth = .5 * 2 * .8 * .8 + .5 * .8 + .1;
  }
};

/// Mean and standard error of w r.
struct SampleMean {
  double value = 0, error = 0;
};

SampleMean estimate(const std::vector<double>& weights, const std::vector<double>& reward) {
  const auto n = static_cast<double>(weights.size());
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    sum += weights[i] * reward[i];
    squares += weights[i] * reward[i] * weights[i] * reward[i];
  }
  return {sum / n, std::sqrt((squares / n - sum / n * sum / n) / (n - 1))};
}

std::vector<double> column(const SplitLog& log, Eigen::Index candidate) {
  std::vector<double> out(log.reward.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = log.problem.weights(static_cast<Eigen::Index>(i), candidate);
  return out;
}

/// The share of users whose reward depends on both actions and who are scored by the own one alone.
double misjudged(const InfluenceTree& tree) {
  constexpr int kGrid = 200;
  double n = 0;
  for (int a = 0; a < kGrid; ++a)
    for (int b = 0; b < kGrid; ++b)
      n += tree.choose(std::vector<double>{(a + .5) / kGrid, (b + .5) / kGrid}) == 1 ? 1 : 0;
  return .5 * n / (kGrid * kGrid);
}

/// E[w_own r] - V of these users: 2 (.5 * .8) in place of 2 (.8 * .8).
constexpr double kBias = 2 * .5 * .8 - 2 * .8 * .8;

}  // namespace

TEST_CASE("the tree gives each kind of user the influence set that serves it") {
  const SplitLog log(20000, 51), fresh(20000, 55);
  Stream stream = Rng(1).stream(Draw::kBehaviorModel, {});
  const InfluenceTree tree(log.problem, {5, 100, 30, .1}, stream);
  CHECK(tree.n_segments() > 1);
  // On rounds that it was not grown on its mean is known: the truth and its own bias.
  const double bias = misjudged(tree) * kBias;
  const SampleMean adaptive = estimate(tree.weights(fresh.problem), fresh.reward);
  CHECK(std::abs(adaptive.value - fresh.truth - bias) < 4 * adaptive.error);
  const SampleMean both = estimate(column(fresh, 0), fresh.reward);
  const SampleMean own = estimate(column(fresh, 1), fresh.reward);
  CHECK(std::abs(both.value - fresh.truth) < 4 * both.error);
  CHECK(std::abs(own.value - fresh.truth - .5 * kBias) < 4 * own.error);
  // Squared errors: below either set for everybody.
  const double squared = bias * bias + adaptive.error * adaptive.error;
  CHECK(squared < both.error * both.error);
  CHECK(squared < .25 * kBias * kBias + own.error * own.error);
}

TEST_CASE("where the smallest set is right for all the tree takes it for all") {
  SplitLog log(5000, 52);
  for (std::size_t i = 0; i < log.reward.size(); ++i)
    log.reward[i] = log.problem.weights(static_cast<Eigen::Index>(i), 1) > 1 ? 1 : 0;
  log.problem.reward = log.reward;
  Stream stream = Rng(2).stream(Draw::kBehaviorModel, {});
  const InfluenceTree tree(log.problem, {2, 500, 10, .01}, stream);
  for (const double x : {-.9, -.3, .3, .9}) CHECK(tree.choose(std::vector<double>{x, .5}) == 1);
}

TEST_CASE("the same stream grows the same tree and too few rounds are refused") {
  const SplitLog log(2000, 53);
  const auto weights = [&] {
    Stream stream = Rng(3).stream(Draw::kBehaviorModel, {});
    return InfluenceTree(log.problem, {}, stream).weights(log.problem);
  };
  CHECK(weights() == weights());
  Stream stream = Rng(3).stream(Draw::kBehaviorModel, {});
  const SplitLog few(50, 54);
  CHECK_THROWS_AS(InfluenceTree(few.problem, {}, stream), Error);
  InfluenceProblem cut = log.problem;
  cut.reward = cut.reward.subspan(1);
  CHECK_THROWS_AS(InfluenceTree(cut, {}, stream), Error);
}
