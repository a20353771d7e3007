#include "analysis/influence_tree.h"

#include "sim/core/error.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// One position below another, two actions each, uniform logging, a policy that takes action 1 with
/// probability 0.8 at both. The reward of users with feature above 0 depends on both actions, that
/// of the others on the own action alone.
struct Log {
  InfluenceProblem problem;
  std::vector<double> reward;
  double truth = 0;

  explicit Log(std::size_t n, std::uint64_t seed) {
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

double estimate(const std::vector<double>& weights, const std::vector<double>& reward) {
  double sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * reward[i];
  return sum / static_cast<double>(weights.size());
}

}  // namespace

TEST_CASE("the tree gives each kind of user the influence set that serves it") {
  const Log log(20000, 51);
  Stream stream = Rng(1).stream(Draw::kBehaviorModel, {});
  const InfluenceTree tree(log.problem, {5, 100, 30, .1}, stream);
  CHECK(tree.n_segments() > 1);
  std::size_t right = 0, n = 0;
  for (double x = -.95; x < 1; x += .1)
    for (double y = .05; y < 1; y += .1, ++n)
      right += tree.choose(std::vector<double>{x, y}) == (x > 0 ? 0u : 1u) ? 1 : 0;
  CHECK(static_cast<double>(right) >= .85 * static_cast<double>(n));
  std::vector<double> own(log.reward.size());
  for (std::size_t i = 0; i < own.size(); ++i)
    own[i] = log.problem.weights(static_cast<Eigen::Index>(i), 1);
  const double adaptive = estimate(tree.weights(log.problem), log.reward);
  CHECK(std::abs(adaptive - log.truth) < .05);
  CHECK(std::abs(estimate(own, log.reward) - log.truth) > .1);
}

TEST_CASE("where the smallest set is right for all the tree takes it for all") {
  Log log(5000, 52);
  for (std::size_t i = 0; i < log.reward.size(); ++i)
    log.reward[i] = log.problem.weights(static_cast<Eigen::Index>(i), 1) > 1 ? 1 : 0;
  log.problem.reward = log.reward;
  Stream stream = Rng(2).stream(Draw::kBehaviorModel, {});
  const InfluenceTree tree(log.problem, {2, 500, 10, .01}, stream);
  for (const double x : {-.9, -.3, .3, .9}) CHECK(tree.choose(std::vector<double>{x, .5}) == 1);
}

TEST_CASE("the same stream grows the same tree and too few rounds are refused") {
  const Log log(2000, 53);
  const auto weights = [&] {
    Stream stream = Rng(3).stream(Draw::kBehaviorModel, {});
    return InfluenceTree(log.problem, {}, stream).weights(log.problem);
  };
  CHECK(weights() == weights());
  Stream stream = Rng(3).stream(Draw::kBehaviorModel, {});
  const Log few(50, 54);
  CHECK_THROWS_AS(InfluenceTree(few.problem, {}, stream), Error);
  InfluenceProblem cut = log.problem;
  cut.reward = cut.reward.subspan(1);
  CHECK_THROWS_AS(InfluenceTree(cut, {}, stream), Error);
}
