#include <yaml-cpp/yaml.h>

#include <cmath>
#include <map>

#include "scenarios/literature/benchmarks.h"
#include "scenarios/literature/offcem_world.h"
#include "scenarios/literature/slate_abstraction.h"
#include "scenarios/literature/slate_rewards.h"
#include "sim/core/draws.h"
#include "sim/core/scalars.h"
#include "tests/catch.h"
#include "tests/scenarios/trial.h"

using namespace rehearsal;

namespace {

/// Errors of every estimator over seeds.
struct Errors {
  double sum = 0, square = 0, n = 0;
  double mean() const { return sum / n; }
  double standard_error() const { return std::sqrt(square / n / n); }
  double root_mse() const { return std::sqrt(square / n); }
};

std::map<std::string, Errors> errors_of(const std::string& type, const std::string& keys,
                                        std::uint64_t n_seeds) {
  std::map<std::string, Errors> out;
  for (std::uint64_t seed = 1; seed <= n_seeds; ++seed)
    for (const Trial::Scored& each : trial_of(type, keys, seed).scored) {
      Errors& errors = out[each.estimator];
      errors.sum += each.estimate - each.truth;
      errors.square += (each.estimate - each.truth) * (each.estimate - each.truth);
      ++errors.n;
    }
  return out;
}

}  // namespace

TEST_CASE("the pseudo-inverse is unbiased for NDCG of few documents and better than rankings") {
  for (const char* decay : {"0", "1.5"}) {
    auto errors = errors_of("search_slates",
                            std::string("docs: 5, length: 3, queries: 4, features: 2, rounds: "
                                        "2000, training: 500, decay: ") +
                                decay,
                            40);
    CHECK(errors.size() == 14);
    for (const char* name : {"pi_ndcg", "ips_ndcg", "ips_err", "on_policy_err", "on_policy_ndcg"}) {
      INFO(decay << " " << name << " " << errors.at(name).mean());
      CHECK(std::abs(errors.at(name).mean()) < 4 * errors.at(name).standard_error());
    }
    CHECK(errors.at("pi_ndcg").root_mse() < errors.at("ips_ndcg").root_mse());
    CHECK(errors.at("on_policy_ndcg").root_mse() < errors.at("pi_ndcg").root_mse());
  }
}

TEST_CASE("one rank of which all documents are drawn alike makes all rankings' weights one") {
  const Trial trial = trial_of(
      "search_slates", "docs: 4, length: 1, queries: 2, rounds: 300, decay: 0, training: 50", 3);
  std::map<std::string, double> got;
  for (const Trial::Scored& each : trial.scored) got[each.estimator] = each.estimate;
  CHECK(got.at("pi_ndcg") == Approx(got.at("ips_ndcg")).epsilon(1e-9));
  CHECK(got.at("snpi_err") == Approx(got.at("snips_err")).epsilon(1e-9));
}

TEST_CASE("OffCEM's benchmark weighs nothing where both policies are uniform") {
  const Trial trial = trial_of(
      "offcem", "rounds: 300, actions: 20, clusters: 3, users: 40, beta: 0, epsilon: 1", 4);
  std::map<std::string, double> got;
  for (const Trial::Scored& each : trial.scored) got[each.estimator] = each.estimate;
  CHECK(got.at("mips") == Approx(got.at("ips")).epsilon(1e-9));
  CHECK(got.at("offcem_one_step") == Approx(got.at("dr")).epsilon(1e-9));
}

TEST_CASE("cross-fitted doubly robust estimates meet the value that OffCEM's benchmark knows") {
  const std::string keys =
      "rounds: 600, actions: 6, clusters: 3, users: 100, beta: 0.1, epsilon: 0.5, dims: 3, "
      "truth_users: 2000";
  auto errors = errors_of("offcem", keys, 15);
  for (const char* name : {"ips", "dr"}) {
    INFO(name << " " << errors.at(name).mean() << " +- " << errors.at(name).standard_error());
    CHECK(std::abs(errors.at(name).mean()) < 4 * errors.at(name).standard_error());
  }
}

TEST_CASE("OffCEM's rewards have the deviations that the paper's parts add up to") {
  Stream stream = Rng(5).stream(Draw::kWorld, {});
  OffcemWorld::Users users;
  for (int u = 0; u < 300; ++u) users.push_back(normals(stream, OffcemWorld::kFeatures));
  const OffcemWorld world({60, 4, 3, 3}, users, stream);
  CHECK(world.one_hot().cols() == 7);
  CHECK(world.p_e_a().size() == 60 * 3 * 3);
  // Within a user and cluster the cluster's part is the same: what is left is h, of deviation 1.
  double square = 0, n = 0;
  for (const std::vector<double>& x : users) {
    const Eigen::VectorXd q = world.expected(x);
    std::map<std::uint32_t, std::vector<double>> by_cluster;
    for (Eigen::Index a = 0; a < q.size(); ++a)
      by_cluster[world.cluster()[static_cast<std::size_t>(a)]].push_back(q[a]);
    for (const auto& [cluster, values] : by_cluster) {
      double mean = 0;
      for (const double v : values) mean += v / static_cast<double>(values.size());
      for (const double v : values) square += (v - mean) * (v - mean);
      n += static_cast<double>(values.size());
    }
  }
  CHECK(square / n < 1);
  CHECK(square / n > 0.2);
}

TEST_CASE("the benchmark of abstractions knows its value: that of all slates and labels") {
  for (const std::string reward : {"additive", "discount", "minmax"}) {
    const Trial trial = trial_of("lips",
                                 "rounds: 30, items: 3, length: 4, features: 2, values: 2, "
                                 "samples: 2, steps: 2, truth_rounds: 200, reward: " +
                                     reward,
                                 9);
    const Rng fixed(1);
    Stream stream = fixed.stream(Draw::kWorld, {});
    std::vector<double> base, label, score;
    for (int s = 0; s < 12; ++s) {
      base.push_back(0.5 * stream.uniform());
      for (int f = 0; f <= 2; ++f) {
        label.push_back(f == 0 ? -1.5 : normal_from(stream()));
        score.push_back(label.back() + 0.5 * normal_from(stream()));
      }
    }
    const std::vector<double> neighbor = normals(stream, 36);
    double sum = 0;
    for (std::uint32_t i = 0; i < 200; ++i) {
      Stream request = fixed.stream(Draw::kRequest, {UserId{i}, 1, 0});
      const std::vector<double> x = normals(request, 2);
      const auto logit = [&](const std::vector<double>& c, std::size_t s) {
        return c[3 * s] + c[3 * s + 1] * x[0] + c[3 * s + 2] * x[1];
      };
      const auto pi = [&](std::size_t l, std::size_t a) {
        bool best = true;
        for (std::size_t b = 0; b < 3; ++b)
          best &= logit(score, 3 * l + b) <= logit(score, 3 * l + a);
        return 0.1 + (best ? 0.7 : 0);
      };
      for (std::size_t a = 0; a < 3; ++a)
        for (std::size_t b = 0; b < 3; ++b)
          for (int labels = 0; labels < 4; ++labels) {
            const double pa = logistic(logit(label, a)), pb = logistic(logit(label, 3 + b));
            const double u = labels % 2 == 1 ? 1 : base[a], v = labels / 2 == 1 ? 1 : base[3 + b];
            const double p = pi(0, a) * pi(1, b) * (labels % 2 == 1 ? pa : 1 - pa) *
                             (labels / 2 == 1 ? pb : 1 - pb);
            const double term = neighbor[3 * a + b];
            sum += p * (reward == "minmax"     ? u + v
                        : reward == "discount" ? (u + v * term) / 2
                                               : (u + v) / 2 + term / 3);
          }
    }
    CHECK(trial.scored[0].truth == Approx(sum / 200).epsilon(1e-10));
  }
}

TEST_CASE("an abstraction's weights have mean one and its fit lowers the loss for the reward") {
  // Two slots of three items; the reward is 1 where the first shows item 0.
  constexpr std::size_t kSlates = 3000;
  std::vector<double> context(kSlates), reward, behavior, evaluation;
  std::vector<std::uint16_t> slate;
  const double mu[3] = {0.2, 0.3, 0.5}, pi[3] = {0.6, 0.2, 0.2};
  for (std::uint32_t i = 0; i < kSlates; ++i) {
    Stream stream = Rng(3).stream(Draw::kResponse, {UserId{i}});
    for (int l = 0; l < 2; ++l) {
      slate.push_back(static_cast<std::uint16_t>(pick(mu, stream.uniform())));
      behavior.insert(behavior.end(), mu, mu + 3);
      evaluation.insert(evaluation.end(), pi, pi + 3);
    }
    reward.push_back(slate[2 * i] == 0 ? 1 : 0);
  }
  Stream stream = Rng(4).stream(Draw::kTraining, {});
  SlateAbstraction abstraction({1, 2, 3, context, slate, reward, behavior, evaluation}, 2, stream);
  abstraction.fit(0.1, 60);
  const std::vector<double> weight = abstraction.weights(Rng(5), 400);
  double mean = 0, square = 0, value = 0, square_value = 0;
  for (std::size_t i = 0; i < kSlates; ++i) {
    mean += weight[i] / kSlates;
    square += (weight[i] - 1) * (weight[i] - 1) / kSlates;
    value += weight[i] * reward[i] / kSlates;
    square_value += weight[i] * weight[i] * reward[i] / kSlates;
  }
  CHECK(std::abs(mean - 1) < 4 * std::sqrt(square / kSlates) + 0.02);  // 400 drawn slates a round
  // Two values tell item 0 of the first slot from the others: the weight is then 3 or 0.5.
  CHECK(std::abs(value - 0.6) < 4 * std::sqrt(square_value / kSlates) + 0.03);
  CHECK(square == Approx(0.2 * 4 + 0.8 * 0.25).epsilon(0.15));
}
