#include "analysis/fitted_q.h"

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"
#include "tests/support/enumerated_slates.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// A chain of two states, two actions and two steps: every session of a grid of draws, so that
/// each (state, action) is followed by state 1 exactly `next` of the time.
struct Chain {
  static constexpr double kNext[2][2] = {{.25, .75}, {.5, .25}};
  static constexpr double kReward[2][2] = {{1, 0}, {.5, 2}};
  static constexpr double kPi[2][2] = {{.4, .6}, {.9, .1}};

  std::vector<std::uint32_t> offsets{0}, action;
  std::vector<double> reward, action_dist;
  std::vector<std::size_t> state;

  Chain() {
    for (std::size_t s = 0; s < 2; ++s)
      for (std::size_t a = 0; a < 2; ++a)
        for (int draw = 0; draw < 4; ++draw)
          for (std::size_t b = 0; b < 2; ++b) {
            add(s, a);
            add(draw < 4 * kNext[s][a] ? 1 : 0, b);
            offsets.push_back(static_cast<std::uint32_t>(action.size()));
          }
  }
  void add(std::size_t s, std::size_t a) {
    state.push_back(s);
    action.push_back(static_cast<std::uint32_t>(a));
    reward.push_back(kReward[s][a]);
    action_dist.insert(action_dist.end(), {kPi[s][0], kPi[s][1]});
  }
  QProblem problem(double gamma) const {
    RowMatrix features = RowMatrix::Zero(static_cast<Eigen::Index>(state.size()), 2);
    for (std::size_t r = 0; r < state.size(); ++r)
      features(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(state[r])) = 1;
    return {offsets, features, 2, action, reward, action_dist, {}, gamma};
  }
  static double value(std::size_t s) {
    return kPi[s][0] * kReward[s][0] + kPi[s][1] * kReward[s][1];
  }
};

}  // namespace

TEST_CASE("tabular fitted Q is the exact value where the log has the true frequencies") {
  const Chain chain;
  const QProblem problem = chain.problem(.9);
  const std::vector<double> q = fitted_q(problem, {1e-12, 1});
  for (std::size_t r = 0; r < chain.state.size(); ++r)
    for (std::size_t a = 0; a < 2; ++a) {
      const std::size_t s = chain.state[r];
      const double p = Chain::kNext[s][a];
      const double later = r % 2 == 1 ? 0 : .9 * (p * Chain::value(1) + (1 - p) * Chain::value(0));
      CHECK(q[2 * r + a] == Approx(Chain::kReward[s][a] + later).margin(1e-6));
    }
  const std::vector<double> first = first_values(problem, q);
  CHECK(first[0] == Approx(.4 * q[0] + .6 * q[1]).epsilon(1e-14));
}

TEST_CASE("runs of a fold are predicted by the others alone") {
  const Chain chain;
  const QProblem problem = chain.problem(1);
  std::vector<double> changed = chain.reward;
  changed[0] += 100;  // the first run, in fold 0
  QProblem other = problem;
  other.reward = changed;
  const std::vector<double> before = fitted_q(problem, {1e-6, 2}),
                            after = fitted_q(other, {1e-6, 2});
  CHECK(before[0] == after[0]);
  CHECK(before[1] == after[1]);
  CHECK(before[4] != after[4]);  // the second run, first step
}

TEST_CASE("weights decide what a fit listens to") {
  // Two runs of one step, the same state and action, rewards 0 and 1.
  const std::vector<std::uint32_t> offsets{0, 1, 2}, action{0, 0};
  const std::vector<double> reward{0, 1}, dist{1, 1}, weight{1, 3};
  QProblem problem{offsets, RowMatrix::Zero(2, 1), 1, action, reward, dist, {}, 1};
  CHECK(fitted_q(problem, {1e-12, 1})[0] == Approx(.5));
  problem.weight = weight;
  CHECK(fitted_q(problem, {1e-12, 1})[0] == Approx(.75));
}

TEST_CASE("an action that was never taken is worth what the others are") {
  const std::vector<std::uint32_t> offsets{0, 1, 2}, action{0, 0};
  const std::vector<double> reward{1, 3}, dist{.5, .5, .5, .5};
  const QProblem problem{offsets, RowMatrix::Zero(2, 1), 2, action, reward, dist, {}, 1};
  CHECK(fitted_q(problem, {1e-12, 1})[1] == Approx(2));
}

TEST_CASE("a cross-fitted backward regression down the slate lowers the variance of rips") {
  EnumeratedSlates space(plackett_luce_table({1, 2, 3, 4}, 2), plackett_luce_table({4, 3, 2, 1}, 2),
                         4);
  const std::vector<double> alpha{.5, .3, .2, .4};
  const auto mean = [&](const Slate& s) {
    return std::vector<double>{alpha[s[0]], (1 - alpha[s[0]]) * alpha[s[1]]};
  };
  // The log: every slate as often as its probability says, with rewards at their means.
  std::vector<std::uint32_t> offsets{0}, action;
  std::vector<double> reward, dist, cumulative;
  const std::vector<double> all = space.rewards(mean);
  const SlateColumns columns = space.columns(all);
  for (std::size_t i = 0; i < space.mu().size(); ++i) {
    for (std::size_t s = 2 * i; s < 2 * i + 2; ++s) {
      action.push_back(columns.action[s]);
      reward.push_back(all[s]);
      cumulative.push_back(space.mu()[i].second * columns.cascade.evaluation[s] /
                           columns.cascade.behavior[s]);
      for (std::size_t a = 0; a < 4; ++a) dist.push_back(columns.action_dist[4 * s + a]);
    }
    offsets.push_back(static_cast<std::uint32_t>(action.size()));
  }
  const RowMatrix context = RowMatrix::Zero(static_cast<Eigen::Index>(offsets.size() - 1), 1);
  QProblem problem{
      offsets, slate_states(offsets, action, 4, context), 4, action, reward, dist, cumulative, 1};
  const std::vector<double> q = fitted_q(problem, {1e-10, 1});
  // One-hot prefixes make it exact: the true cumulative value.
  std::map<Slate, std::vector<double>> by_prefix;
  for (std::size_t i = 0; i < space.mu().size(); ++i)
    for (std::size_t k = 0; k < 2; ++k) {
      const auto& slate = space.mu()[i].first;
      const auto row = q.begin() + static_cast<std::ptrdiff_t>((2 * i + k) * 4);
      by_prefix[Slate(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k))] = {row,
                                                                                         row + 4};
    }
  space.set_q([&](const Slate& prefix, std::uint16_t a) { return by_prefix.at(prefix)[a]; });
  CHECK(space.variance("cascade_dr", mean, true) == Approx(.850469).margin(1e-5));
  CHECK(space.mean("cascade_dr", mean) == Approx(.598667).margin(1e-6));
}

TEST_CASE("a regression without runs or with columns of other sizes is refused") {
  const Chain chain;
  QProblem problem = chain.problem(1);
  problem.reward = problem.reward.subspan(1);
  CHECK_THROWS_AS(fitted_q(problem, {}), Error);
  CHECK_THROWS_AS(fitted_q(QProblem{}, {}), Error);
  CHECK_THROWS_AS(fitted_q(chain.problem(1), {1e-6, 1000}), Error);
}
