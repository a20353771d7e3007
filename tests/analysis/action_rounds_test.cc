#include "analysis/action_rounds.h"

#include <cmath>
#include <numeric>

#include "analysis/action_weights.h"
#include "analysis/likelihood.h"
#include "analysis/shrinkage.h"
#include "tests/catch.h"
#include "tests/support/small_actions.h"

using namespace rehearsal;
using rehearsal::testing::EnumeratedActions;
using rehearsal::testing::SmallActions;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

double expected(const std::string& name, const EnumeratedActions& all) {
  return all.expectation(action_terms(parse_estimator(name), all.rounds()));
}

PointEstimate estimate(const std::string& name, const ActionRounds& rounds) {
  const Estimator estimator = parse_estimator(name);
  return estimate_actions(std::span(&estimator, 1), rounds)[0];
}

/// Rounds drawn from a small world.
EnumeratedActions sample(const SmallActions& world, std::size_t n, std::uint64_t seed) {
  const EnumeratedActions all(world);
  EnumeratedActions out = all;
  for (auto* column : {&out.reward, &out.pscore, &out.action_dist, &out.pi_b, &out.q_hat})
    column->clear();
  out.action.clear();
  Stream draw = Rng(seed).stream(Draw::kResponse, {});
  for (std::size_t i = 0; i < n; ++i) {
    double u = draw.uniform();
    std::size_t row = 0;
    while (row + 1 < all.probability.size() && u >= all.probability[row])
      u -= all.probability[row++];
    out.action.push_back(all.action[row]);
    out.reward.push_back(all.reward[row]);
    out.pscore.push_back(all.pscore[row]);
    for (std::size_t a = 0; a < out.n_actions; ++a) {
      out.action_dist.push_back(all.action_dist[row * out.n_actions + a]);
      out.pi_b.push_back(all.pi_b[row * out.n_actions + a]);
      out.q_hat.push_back(all.q_hat[row * out.n_actions + a]);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("importance weights and doubly robust terms have the policy's value as their mean") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const SmallActions world(seed);
    const EnumeratedActions all(world);
    for (const std::string name :
         {"ips", "dr", "ips_clip_inf", "dr_clip_inf", "switch_dr_inf", "dros_inf", "sgips_0",
          "sgdr_0", "ix_0", "ix_dr_0", "es_1", "es_dr_1", "ls_0"})
      CHECK(expected(name, all) == Approx(world.value()).epsilon(1e-13));
    // What is biased here is seen to be: the test can fail.
    for (const std::string name : {"dm", "ips_clip_0.9", "dr_clip_0.9", "switch_dr_0.9", "dros_1",
                                   "sgips_0.5", "ix_0.1", "es_0.5", "ls_0.5"})
      CHECK(std::abs(expected(name, all) - world.value()) > 1e-3);
  }
}

TEST_CASE("the bias of shrunken weights is their expected distance times the residual") {
  const SmallActions world(4);
  const EnumeratedActions all(world);
  std::vector<double> bias;
  for (std::size_t i = 0; i < all.reward.size(); ++i) {
    const double w = all.action_dist[i * 4 + all.action[i]] / all.pscore[i];
    bias.push_back((std::min(w, 0.9) - w) * (all.reward[i] - all.q_hat[i * 4 + all.action[i]]));
  }
  CHECK(expected("dr_clip_0.9", all) - world.value() ==
        Approx(all.expectation(bias)).margin(1e-14));
}

TEST_CASE("shrunken weights have the values worked by hand") {
  CHECK(shrinkage::Optimistic::of(3, 1, 4) == Approx(0.923077).epsilon(1e-6));
  CHECK(shrinkage::SubGaussian::of(3, 1, 0.1) == Approx(2.5).epsilon(1e-14));
  CHECK(shrinkage::SubGaussian::of(0, 1, 1) == 0);
  CHECK(shrinkage::SubGaussian::of(7, 1, 1) == 1);
  CHECK(shrinkage::Optimistic::of(3, 1, 0) == 0);
  CHECK(shrinkage::Optimistic::of(0, 1, 0) == 0);
  CHECK(shrinkage::Optimistic::of(3, 1, 1e12) == Approx(3).epsilon(1e-10));
  CHECK(shrinkage::Clip::of(3, 1, 2) == 2);
  CHECK(shrinkage::Switch::of(2, 1, 2) == 2);
  CHECK(shrinkage::Switch::of(2.1, 1, 2) == 0);
  CHECK(shrinkage::ImplicitExploration::of(2, 0.25, 0.25) == Approx(1).epsilon(1e-14));
  CHECK(shrinkage::ExponentialSmoothing::of(2, 0.25, 0.5) == Approx(1).epsilon(1e-14));
}

TEST_CASE("where the policy is the logging one every weighted estimate is the mean reward") {
  SmallActions world(5);
  world.pi = world.mu;
  const EnumeratedActions log = sample(world, 400, 1);
  const double mean = std::accumulate(log.reward.begin(), log.reward.end(), 0.0) / 400;
  for (const std::string name :
       {"ips", "snips", "ips_clip_2", "snips_clip_2", "switch_ips_2", "sgips_0.5"})
    CHECK(estimate(name, log.rounds()).value == Approx(mean).epsilon(1e-12));
  const std::vector<double> ones(400, 1.0);
  CHECK(empirical_likelihood(ones, log.reward).value == Approx(mean).epsilon(1e-12));
  CHECK(cressie_read(ones, log.reward).value == Approx(mean).epsilon(1e-12));
}

TEST_CASE("self-normalized estimates of actions move by c when every reward and model does") {
  EnumeratedActions log = sample(SmallActions(6), 500, 2);
  const double before = estimate("snips", log.rounds()).value;
  const double robust = estimate("sndr", log.rounds()).value;
  const double plain = estimate("ips", log.rounds()).value;
  for (double& r : log.reward) r += 2;
  CHECK(estimate("snips", log.rounds()).value == Approx(before + 2).epsilon(1e-12));
  CHECK(estimate("sndr", log.rounds()).value == Approx(robust + 2).epsilon(1e-12));
  CHECK(std::abs(estimate("ips", log.rounds()).value - plain - 2) > 1e-3);
}

TEST_CASE("chunks, one pass and terms agree, whatever the number of rounds") {
  const SmallActions world(7);
  for (const std::size_t n : {1U, 2U, 5U, 127U, 128U, 129U, 5000U}) {
    const EnumeratedActions log = sample(world, n, 3);
    std::vector<Estimator> all;
    for (const std::string name : {"ips", "snips", "dm", "dr", "sndr", "dros_10", "switch_dr_2"})
      all.push_back(parse_estimator(name));
    const std::vector<PointEstimate> together = estimate_actions(all, log.rounds());
    for (std::size_t e = 0; e < all.size(); ++e) {
      const std::vector<double> terms = action_terms(all[e], log.rounds());
      REQUIRE(terms.size() == n);
      const double mean = std::accumulate(terms.begin(), terms.end(), 0.0) / static_cast<double>(n);
      CHECK(together[e].value == Approx(mean).epsilon(1e-12));
      CHECK(together[e].value == estimate(all[e].name, log.rounds()).value);
      if (all[e].layout(1).parts.size() > 1 || all[e].layout(1).n_columns > 1 || n < 2) continue;
      double squares = 0;
      for (const double t : terms) squares += (t - mean) * (t - mean);
      const double dof = static_cast<double>(n) * static_cast<double>(n - 1);
      CHECK(together[e].standard_error == Approx(std::sqrt(squares / dof)).margin(1e-14));
    }
    CHECK(action_terms(all[3], log.rounds(), Simd::kScalar) == action_terms(all[3], log.rounds()));
  }
  CHECK_THROWS_AS(estimate("ips", ActionRounds{}), Error);
}

TEST_CASE("sums of rounds that are added apart are those of all, whatever the threads") {
  const std::size_t n = 2 * kActionBlock + 77;
  std::vector<std::uint32_t> action(n);
  std::vector<double> reward(n), weight(n), q(n), direct(n);
  Stream draw = Rng(9).stream(Draw::kWorld, {});
  for (std::size_t i = 0; i < n; ++i) {
    reward[i] = 1e4 + draw.uniform();
    weight[i] = 2 * draw.uniform();
    q[i] = direct[i] = draw.uniform();
  }
  ActionRounds rounds;
  rounds.n_actions = 1;
  rounds.action = action;
  rounds.reward = reward;
  rounds.weight = weight;
  rounds.shown_q_hat = q;
  rounds.direct = direct;
  const std::vector<Estimator> all{parse_estimator("ips"), parse_estimator("snips"),
                                   parse_estimator("sndr")};
  const auto one = estimate_actions(all, rounds, 1), three = estimate_actions(all, rounds, 3);
  for (std::size_t e = 0; e < all.size(); ++e) {
    CHECK(one[e].value == three[e].value);
    CHECK(one[e].standard_error == three[e].standard_error);
    const std::vector<double> terms = action_terms(all[e], rounds);
    const double mean = std::accumulate(terms.begin(), terms.end(), 0.0) / static_cast<double>(n);
    CHECK(one[e].value == Approx(mean).epsilon(1e-12));
    if (e > 0) continue;
    double squares = 0;
    for (const double term : terms) squares += (term - mean) * (term - mean);
    const auto rows = static_cast<double>(n);
    CHECK(one[e].standard_error == Approx(std::sqrt(squares / rows / (rows - 1))).epsilon(1e-10));
  }
}

TEST_CASE("standard errors are the spread of estimates over many logs") {
  const SmallActions world(8);
  constexpr int kLogs = 400;
  constexpr std::size_t kRounds = 300;
  for (const std::string name : {"ips", "snips", "dr", "sndr", "dros_10"}) {
    double sum = 0, squares = 0, claimed = 0;
    for (int log = 0; log < kLogs; ++log) {
      const EnumeratedActions rounds = sample(world, kRounds, 100 + static_cast<unsigned>(log));
      const PointEstimate e = estimate(name, rounds.rounds());
      sum += e.value;
      squares += e.value * e.value;
      claimed += e.standard_error * e.standard_error / kLogs;
    }
    const double variance = (squares - sum * sum / kLogs) / (kLogs - 1);
    // A sample variance of 400 has a relative standard error of sqrt(2 / 399).
    CHECK(claimed == Approx(variance).epsilon(4 * std::sqrt(2.0 / (kLogs - 1))));
  }
}

TEST_CASE("a large constant in the rewards leaves standard errors as they are") {
  EnumeratedActions log = sample(SmallActions(9), 3000, 4);
  log.action_dist = log.pi_b;
  const double before = estimate("ips", log.rounds()).standard_error;
  for (double& r : log.reward) r += 1e7;
  CHECK(estimate("ips", log.rounds()).standard_error == Approx(before).epsilon(1e-6));
}

TEST_CASE("empirical likelihood and Cressie-Read give the known figures and stay in range") {
  const std::vector<double> w{0.5, 2, 0, 1.5, 3, 0.2}, r{1, 0, 1, 1, 0, 1};
  CHECK(cressie_read(w, r, {0, 5}).value == Approx(0.313312).epsilon(2e-6));
  // By hand at beta = 0: the dual's slope sum(w - 1) / n = 0.2 points up, so the root is inside.
  const double value = empirical_likelihood(w, r, {0, 5}).value;
  CHECK(value > 0);
  CHECK(value < 1);
  const std::vector<double> same(6, 1.0);
  CHECK(empirical_likelihood(w, same, {0, 5}).value == Approx(1).epsilon(1e-9));
  CHECK(cressie_read(w, same, {0, 5}).value == Approx(1).epsilon(1e-9));
  CHECK(cressie_read(w, same).value == Approx(1).epsilon(1e-9));
  CHECK_THROWS_AS(cressie_read(w, r, {0, 2}), Error);
  CHECK_THROWS_AS(empirical_likelihood({}, {}), Error);
}

TEST_CASE("the likelihood estimates are near the value and their errors as claimed") {
  const SmallActions world(10);
  constexpr int kLogs = 300;
  for (const auto& form : {empirical_likelihood, cressie_read}) {
    double sum = 0, squares = 0, claimed = 0;
    for (int log = 0; log < kLogs; ++log) {
      const EnumeratedActions rounds = sample(world, 400, 900 + static_cast<unsigned>(log));
      const PointEstimate e = form(action_weights(rounds.rounds()), rounds.reward, {});
      sum += e.value / kLogs;
      squares += e.value * e.value / kLogs;
      claimed += e.standard_error * e.standard_error / kLogs;
    }
    const double spread = squares - sum * sum;
    CHECK(std::abs(sum - world.value()) < 4 * std::sqrt(spread / kLogs) + 1e-3);
    CHECK(claimed == Approx(spread).epsilon(4 * std::sqrt(2.0 / (kLogs - 1))));
  }
}

TEST_CASE("the first form of SWITCH is unbiased with a true model and keeps to weights below tau") {
  SmallActions world(11);
  const EnumeratedActions wrong(world);
  world.q_hat = world.q;
  const EnumeratedActions right(world);
  const auto mean = [](const EnumeratedActions& all, double tau) {
    return all.expectation(switch_terms(action_weights(all.rounds()), all.reward, all.action_dist,
                                        all.pi_b, all.q_hat, tau));
  };
  for (const double tau : {0.0, 0.7, 1.2, kInf}) CHECK(mean(right, tau) == Approx(world.value()));
  CHECK(mean(wrong, kInf) == Approx(world.value()));
  CHECK(mean(wrong, 0) == Approx(expected("dm", wrong)));
  CHECK(std::abs(mean(wrong, 0.7) - world.value()) > 1e-3);
}

TEST_CASE("names carry hyper-parameters, and what is wrong with them is said") {
  CHECK(parse_estimator("ipw").name == "ips");
  CHECK(parse_estimator("snipw").name == "snips");
  CHECK(parse_estimator("dr_clip_2").parameter == 2);
  CHECK(parse_estimator("dr_clip").name == "dr_clip_10");
  CHECK(parse_estimator("ipw_clip_0.5").name == "ips_clip_0.5");
  CHECK(parse_estimator("dros_inf").parameter == kInf);
  CHECK(parse_estimator("sgipw_0").name == "sgips_0");
  for (const std::string name :
       {"dr_2", "dr_clip_", "dr_clip_x", "dr_clip_-1", "sgdr_1.5", "dr_clip_nan", "_2", "", "es_2"})
    CHECK_THROWS_AS(parse_estimator(name), Error);
  CHECK_THROWS_WITH(parse_estimator("sgdr_1.5", "here"),
                    "here: sgdr_1.5: lambda is 1.5, allowed is [0, 1]");
}
