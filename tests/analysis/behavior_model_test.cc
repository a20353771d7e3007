#include "analysis/behavior_model.h"

#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kFolds = 3, kActions = 4;

/// Rounds whose actions are drawn from a multinomial logistic policy of two inputs, one of them on
/// a large scale.
struct Choices {
  LoggedChoices rounds;
  RowMatrix truth;  // (rows, n_actions)

  Choices(std::size_t n, std::uint64_t seed) {
    Stream draw = Rng(seed).stream(Draw::kWorld, {});
    const auto rows = static_cast<Eigen::Index>(n);
    rounds.inputs.resize(rows, 2);
    truth.resize(rows, kActions);
    for (Eigen::Index i = 0; i < rows; ++i) {
      const double a = 2 * draw.uniform() - 1, b = draw.uniform();
      rounds.inputs.row(i) << a, 1000 * b + 50;
      for (Eigen::Index k = 0; k < truth.cols(); ++k) {
        const auto action = static_cast<double>(k);
        truth(i, k) = std::exp(0.3 * action + a * (action - 1) + b * (2 - action));
      }
      truth.row(i) /= truth.row(i).sum();
      double left = draw.uniform();
      std::uint32_t action = 0;
      while (action + 1 < kActions && left >= truth(i, action)) left -= truth(i, action++);
      rounds.action.push_back(action);
      rounds.fold.push_back(static_cast<std::uint8_t>(draw() % kFolds));
    }
  }

  ChoiceSource source(std::size_t n_blocks) const {
    return {kActions, 2, n_blocks, [this, n_blocks](std::size_t block) {
              LoggedChoices part;
              std::vector<Eigen::Index> rows;
              for (std::size_t i = block; i < rounds.action.size(); i += n_blocks) {
                rows.push_back(static_cast<Eigen::Index>(i));
                part.action.push_back(rounds.action[i]);
                part.fold.push_back(rounds.fold[i]);
              }
              part.inputs = rounds.inputs(rows, Eigen::all);
              return part;
            }};
  }
};

}  // namespace

TEST_CASE("estimated propensities approach the policy that chose, as fast as rounds allow") {
  for (const std::size_t n : {2000U, 32000U}) {
    const Choices choices(n, 7);
    const BehaviorModel model(choices.source(5), kFolds, 1);
    const RowMatrix p = model.predict(choices.rounds);
    double excess = 0;  // E[KL], about parameters / 2n
    for (Eigen::Index i = 0; i < p.rows(); ++i)
      for (Eigen::Index k = 0; k < p.cols(); ++k)
        excess += choices.truth(i, k) * std::log(choices.truth(i, k) / p(i, k));
    excess /= static_cast<double>(n);
    // 9 free coefficients, two thirds of the rounds: chi squared / 2n, 4 standard deviations.
    const double expected = 9 / (4.0 / 3 * static_cast<double>(n));
    CHECK(excess < expected * (1 + 4 * std::sqrt(2.0 / 9)));
    CHECK((p.rowwise().sum().array() - 1).abs().maxCoeff() < 1e-12);
  }
}

TEST_CASE("weights by estimated propensities have mean 1 and give the value") {
  const Choices choices(20000, 8);
  const BehaviorModel model(choices.source(4), kFolds, 1);
  const std::vector<double> pscore = model.pscores(choices.rounds);
  double sum = 0, squares = 0, value = 0;
  const auto n = static_cast<double>(pscore.size());
  for (std::size_t i = 0; i < pscore.size(); ++i) {
    const double w = 1.0 / kActions / pscore[i];
    sum += w;
    squares += w * w;
    value += w * (choices.rounds.action[i] == 2 ? 1 : 0);
  }
  const double error = std::sqrt((squares / n - sum / n * sum / n) / n);
  CHECK(std::abs(sum / n - 1) < 4 * error);
  CHECK(std::abs(value / n - 0.25) < 4 * error);
}

TEST_CASE("blocks of rounds change propensities by rounding alone and threads not at all") {
  const Choices choices(3000, 9);
  const auto pscores = [&](std::size_t n_blocks, int threads) {
    return BehaviorModel(choices.source(n_blocks), kFolds, threads).pscores(choices.rounds);
  };
  CHECK(pscores(7, 1) == pscores(7, 3));
  const std::vector<double> one = pscores(1, 1), seven = pscores(7, 1);
  double largest = 0;
  for (std::size_t i = 0; i < one.size(); ++i)
    largest = std::max(largest, std::abs(one[i] / seven[i] - 1));
  CHECK(largest < 1e-3);  // of steps that end at a gradient of 1e-7
}

TEST_CASE("a fold's rounds do not move their own propensities and bad rounds are refused") {
  Choices choices(600, 10);
  const BehaviorModel before(choices.source(1), kFolds, 1);
  const RowMatrix p = before.predict(choices.rounds);
  Choices changed = choices;
  for (std::size_t i = 0; i < 600; ++i)
    if (choices.rounds.fold[i] == 1) changed.rounds.action[i] = 3;
  const RowMatrix q = BehaviorModel(changed.source(1), kFolds, 1).predict(choices.rounds);
  double own = 0, others = 0;
  for (Eigen::Index i = 0; i < p.rows(); ++i) {
    const double moved = (p.row(i) - q.row(i)).cwiseAbs().maxCoeff();
    double& largest = choices.rounds.fold[static_cast<std::size_t>(i)] == 1 ? own : others;
    largest = std::max(largest, moved);
  }
  CHECK(own == 0);
  CHECK(others > 0.05);
  choices.rounds.inputs(3, 0) = std::nan("");
  CHECK_THROWS_AS(BehaviorModel(choices.source(1), kFolds, 1), Error);
  const Choices few(1, 11);
  CHECK_THROWS_AS(BehaviorModel(few.source(1), kFolds, 1), Error);
}
