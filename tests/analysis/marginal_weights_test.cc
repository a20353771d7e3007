#include "analysis/marginal_weights.h"

#include <cmath>
#include <numeric>

#include "analysis/action_weights.h"
#include "analysis/intervals.h"
#include "analysis/stratum_sums.h"
#include "tests/catch.h"
#include "tests/support/small_actions.h"

using namespace rehearsal;
using rehearsal::testing::EnumeratedActions;
using rehearsal::testing::SmallActions;

namespace {

/// A small world whose actions show as embeddings of D dimensions with two values each: every
/// (context, embedding) as a round.
struct EmbeddedWorld {
  SmallActions world;
  std::size_t n_dims;
  std::vector<double> p_e_a, action_dist, pi_b, probability;
  std::vector<std::uint32_t> embedding;

  EmbeddedWorld(std::uint64_t seed, std::size_t dims) : world(seed), n_dims(dims) {
    Stream draw = Rng(seed).stream(Draw::kPopulation, {});
    p_e_a.resize(world.n_actions * 2 * dims);
    for (std::size_t a = 0; a < world.n_actions; ++a)
      for (std::size_t d = 0; d < dims; ++d) {
        const double p = draw.uniform();
        p_e_a[(a * 2 + 0) * dims + d] = p;
        p_e_a[(a * 2 + 1) * dims + d] = 1 - p;
      }
    for (std::size_t x = 0; x < world.n_contexts; ++x)
      for (std::size_t code = 0; code < std::size_t{1} << dims; ++code) {
        for (std::size_t d = 0; d < dims; ++d)
          embedding.push_back(static_cast<std::uint32_t>(code >> d & 1));
        double mass = 0;
        for (std::size_t a = 0; a < world.n_actions; ++a) {
          action_dist.push_back(world.pi[x * world.n_actions + a]);
          pi_b.push_back(world.mu[x * world.n_actions + a]);
          mass += pi_b.back() * p_embedding(a, code);
        }
        probability.push_back(mass / static_cast<double>(world.n_contexts));
      }
  }

  double p_embedding(std::size_t a, std::size_t code) const {
    double p = 1;
    for (std::size_t d = 0; d < n_dims; ++d) p *= p_e_a[(a * 2 + (code >> d & 1)) * n_dims + d];
    return p;
  }
  EmbeddedRounds rounds() const {
    return {world.n_actions, 2, n_dims, action_dist, pi_b, embedding, p_e_a};
  }
  double mean(const std::vector<double>& weight) const {
    return std::inner_product(weight.begin(), weight.end(), probability.begin(), 0.0);
  }
  std::vector<std::size_t> all() const {
    std::vector<std::size_t> dims(n_dims);
    std::iota(dims.begin(), dims.end(), 0U);
    return dims;
  }
};

}  // namespace

TEST_CASE("joint marginal weights are ratios of probabilities and have mean one") {
  for (const std::size_t n_dims : {1U, 2U, 3U}) {
    const EmbeddedWorld world(n_dims, n_dims);
    const std::vector<double> joint = joint_marginal_weights(world.rounds(), world.all());
    CHECK(world.mean(joint) == Approx(1).epsilon(1e-13));
    const std::size_t codes = std::size_t{1} << n_dims;
    for (std::size_t i = 0; i < joint.size(); ++i) {
      double above = 0, below = 0;
      for (std::size_t a = 0; a < 4; ++a) {
        above += world.action_dist[i * 4 + a] * world.p_embedding(a, i % codes);
        below += world.pi_b[i * 4 + a] * world.p_embedding(a, i % codes);
      }
      CHECK(joint[i] == Approx(above / below).epsilon(1e-13));
    }
    CHECK(joint == joint_marginal_weights(world.rounds(), world.all(), Simd::kScalar));
  }
}

TEST_CASE("the product of marginal ratios is the joint weight in one dimension only") {
  const EmbeddedWorld one(5, 1), three(6, 3);
  CHECK(product_marginal_weights(one.rounds(), one.all()) ==
        joint_marginal_weights(one.rounds(), one.all()));
  CHECK(std::abs(three.mean(product_marginal_weights(three.rounds(), three.all())) - 1) > 1e-4);
  // A subset of dimensions is a world of fewer.
  const std::vector<std::size_t> last{2};
  CHECK(three.mean(product_marginal_weights(three.rounds(), last)) == Approx(1).epsilon(1e-13));
  CHECK(three.mean(joint_marginal_weights(three.rounds(), last)) == Approx(1).epsilon(1e-13));
}

TEST_CASE("with the true posterior of the action estimated weights are the joint ones") {
  const EmbeddedWorld world(7, 2);
  std::vector<double> posterior(world.action_dist.size());
  for (std::size_t i = 0; i < world.probability.size(); ++i) {
    double sum = 0;
    for (std::size_t a = 0; a < 4; ++a)
      sum += posterior[i * 4 + a] = world.pi_b[i * 4 + a] * world.p_embedding(a, i % 4);
    for (std::size_t a = 0; a < 4; ++a) posterior[i * 4 + a] /= sum;
  }
  const std::vector<double> joint = joint_marginal_weights(world.rounds(), world.all());
  const std::vector<double> estimated = estimated_marginal_weights(world.rounds(), posterior);
  for (std::size_t i = 0; i < joint.size(); ++i)
    CHECK(estimated[i] == Approx(joint[i]).epsilon(1e-13));
  std::vector<double> none = world.pi_b;
  none[0] = 0;
  EmbeddedRounds deficient = world.rounds();
  deficient.pi_b = none;
  CHECK(std::isfinite(estimated_marginal_weights(deficient, posterior)[0]));
}

TEST_CASE("joint weights are the same with a table of all values and without one") {
  // 13 dimensions of two values are too many for a table, 12 are not.
  const EmbeddedWorld world(13, 13);
  const std::vector<std::size_t> all = world.all(), most(all.begin(), all.end() - 1);
  const std::vector<double> joint = joint_marginal_weights(world.rounds(), all);
  CHECK(world.mean(joint) == Approx(1).epsilon(1e-12));
  CHECK(world.mean(joint_marginal_weights(world.rounds(), most)) == Approx(1).epsilon(1e-12));
  MarginalWeights weights(world.rounds(), Marginal::kJoint, all);
  std::vector<double> some(300);
  weights(1000, some);
  for (std::size_t i = 0; i < 300; ++i) CHECK(some[i] == joint[1000 + i]);
  // As a source of weights they give the same estimate as in a column.
  const std::vector<double> reward(joint.size(), 1.0);
  ActionRounds column, source;
  column.reward = source.reward = reward;
  column.weight = joint;
  source.weigh = weights;
  CHECK(action_terms(parse_estimator("ips"), source) == joint);
  CHECK(action_weights(source) == joint);
}

TEST_CASE("selection of dimensions stops at the first that disagrees") {
  using Dims = std::vector<std::size_t>;
  const auto choose = [](Prune prune, double drift) {
    return select_embeddings(3, prune, [drift](std::span<const std::size_t> dims) {
      const double missing = 3.0 - static_cast<double>(dims.size());
      double sum = 0;
      for (const std::size_t d : dims) sum += static_cast<double>(d);
      return Deviation{missing * drift, 1.0 - 0.3 * missing - 0.01 * sum};
    });
  };
  for (const Prune prune : {Prune::kExact, Prune::kGreedy}) {
    // All agree: the last accepted has one dimension; the pipeline's answer is the one before it.
    CHECK(choose(prune, 0).accepted.size() == 1);
    CHECK(choose(prune, 0).pipeline.size() == 1);
    CHECK(choose(prune, 0).pipeline != choose(prune, 0).accepted);
    // The first smaller set is 10 away from a half width of about 1: nothing is dropped.
    CHECK(choose(prune, 10).accepted == Dims{0, 1, 2});
    CHECK(choose(prune, 10).pipeline == Dims{0, 1, 2});
    // Two dimensions agree (0.95 against 0.67 + 1.45 * 0.97), one does not (1.9 against 0.4
    // + 1.41).
    CHECK(choose(prune, 0.95).accepted == Dims{1, 2});
  }
  const auto one = select_embeddings(1, Prune::kExact, [](auto) { return Deviation{1, 1}; });
  CHECK(one.accepted == Dims{0});
  CHECK(one.pipeline == Dims{0});
}

TEST_CASE("cluster weights with a model that is right within clusters have no bias") {
  SmallActions world(12);
  const std::vector<std::uint32_t> cluster{0, 1, 0, 1};
  // Differences within a cluster are right, levels of clusters are not.
  for (std::size_t c = 0; c < world.q.size(); ++c)
    world.q_hat[c] = world.q[c] + (cluster[c % 4] == 0 ? 0.3 : -0.2);
  const EnumeratedActions all(world);
  const std::vector<double> weight =
      cluster_weights(all.action_dist, all.pi_b, all.action, cluster);
  CHECK(all.expectation(weight) == Approx(1).epsilon(1e-13));
  ActionRounds rounds = all.rounds();
  rounds.weight = weight;
  CHECK(all.expectation(action_terms(parse_estimator("dr"), rounds)) ==
        Approx(world.value()).epsilon(1e-13));
  CHECK(std::abs(all.expectation(action_terms(parse_estimator("ips"), rounds)) - world.value()) >
        1e-3);
}

TEST_CASE("precision weights favour strata that vary little and average to one") {
  const std::vector<double> terms{0, 1, 0, 1, 0, 4, 0, 4};
  const std::vector<std::uint32_t> stratum{0, 0, 0, 0, 7, 7, 7, 7};
  StratumSums sums;
  sums.add({}, terms, stratum);
  // Variances 1/4 and 4: sum n_j / var_j = 17, W = 8 / (var 17).
  const double small = 8 / (0.25 * 17), large = 8 / (4.0 * 17);
  REQUIRE(sums.varies());
  CHECK(sums.estimate().value == Approx((2 * small + 8 * large) / 8).epsilon(1e-14));
  const std::vector<double> products{0, small, 0, small, 0, 4 * large, 0, 4 * large};
  CHECK(sums.estimate().standard_error ==
        Approx(moments_of(products).standard_error()).epsilon(1e-13));
  // Ones that are weighted instead: weights average to 1. What counts alike is added.
  const std::vector<double> ones(8, 1.0), rest{-1, 0, -1, 0, -1, 3, -1, 3};
  StratumSums split;
  split.add(rest, ones, stratum);
  CHECK(split.estimate().value == Approx(moments_of(rest).mean + 1).epsilon(1e-14));
}

TEST_CASE("strata summed in parts are those summed at once and one that does not vary is seen") {
  const std::vector<double> direct{.3, .1, .4, .1, .5, .9, .2, .6};
  const std::vector<double> weighted{0, 1, 0, 1, 0, 4, 0, 4};
  const std::vector<std::uint32_t> stratum{0, 1, 0, 1, 1, 0, 1, 0};
  StratumSums all, parts;
  all.add(direct, weighted, stratum);
  for (std::size_t first = 0; first < 8; first += 2) {
    StratumSums part;
    part.add(std::span(direct).subspan(first, 2), std::span(weighted).subspan(first, 2),
             std::span(stratum).subspan(first, 2));
    parts.add(part);
  }
  CHECK(parts.estimate().value == Approx(all.estimate().value).epsilon(1e-14));
  CHECK(parts.estimate().standard_error == Approx(all.estimate().standard_error).epsilon(1e-13));
  CHECK(parts.varies());
  StratumSums flat;
  flat.add({}, std::vector<double>{.3, .3, .3, 1, 2}, std::vector<std::uint32_t>{0, 0, 0, 1, 1});
  CHECK_FALSE(flat.varies());
}

TEST_CASE("every smoothing kernel integrates to one and is even") {
  for (const SmoothingKernel& kernel : smoothing_kernels().entries()) {
    double sum = 0;
    const double h = 1e-3;
    for (double u = -9; u < 9; u += h) sum += h * kernel.value(u + h / 2);
    CHECK(sum == Approx(1).epsilon(1e-6));
    CHECK(kernel.value(0.3) == kernel.value(-0.3));
    CHECK(kernel.value(0.3) > 0);
    if (kernel.name != "gaussian") CHECK(kernel.value(1.5) == 0);
  }
  const std::vector<double> chosen{1}, action{0.5}, density{0.25};
  const SmoothingKernel& triangular = smoothing_kernels().at("triangular");
  CHECK(kernel_weights(triangular, 2, chosen, action, density)[0] == Approx(0.75 / (2 * 0.25)));
}
