// Weights that take users' behavior for granted: click models, influence sets, latent slates.

#include <numeric>

#include "analysis/slate_weights.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/enumerated_slates.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

const std::vector<double> kAlpha{.5, .3, .2, .4};

}  // namespace

TEST_CASE("click model weights are unbiased under their own click model") {
  Stream stream = Rng(36).stream(Draw::kWorld, {});
  const std::size_t m = 4, l = 3;
  const EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                               plackett_luce_table(random_weights(m, stream), l), m);
  const RowMatrix pi = marginals_of(space, space.pi()), mu = marginals_of(space, space.mu());
  const std::vector<double> theta{1, .6, .3}, ones(l, 1.0);
  const auto pbm = [&](std::vector<double> examined) {
    return [examined](const Slate& s) {
      std::vector<double> mean(s.size());
      for (std::size_t k = 0; k < s.size(); ++k) mean[k] = examined[k] * kAlpha[s[k]];
      return mean;
    };
  };
  const auto mean_with = [&](ClickWeight kind, const MeanRewards& mean) {
    std::vector<double> terms, w(l);
    for (const auto& [slate, p] : space.mu()) {
      click_model_weights(kind, theta, pi, mu, slate, w);
      const std::vector<double> r = mean(slate);
      terms.push_back(std::inner_product(w.begin(), w.end(), r.begin(), 0.0));
    }
    return space.expectation(terms);
  };
  CHECK(mean_with(ClickWeight::kPositionBased, pbm(theta)) ==
        Approx(space.truth(pbm(theta))).epsilon(1e-10));
  CHECK(mean_with(ClickWeight::kItemPosition, pbm(theta)) ==
        Approx(space.truth(pbm(theta))).epsilon(1e-10));
  CHECK(mean_with(ClickWeight::kDocument, pbm(ones)) ==
        Approx(space.truth(pbm(ones))).epsilon(1e-10));
  CHECK(std::abs(mean_with(ClickWeight::kDocument, pbm(theta)) - space.truth(pbm(theta))) > 1e-4);
  CHECK(std::abs(mean_with(ClickWeight::kPositionBased, pbm(ones)) - space.truth(pbm(ones))) >
        1e-4);
  std::vector<double> w(l), clipped(l);
  click_model_weights(ClickWeight::kItemPosition, {}, pi, mu, space.mu()[0].first, w);
  click_model_weights(ClickWeight::kItemPosition, {}, pi, mu, space.mu()[0].first, clipped, .5);
  for (std::size_t k = 0; k < l; ++k) CHECK(clipped[k] == std::min(w[k], .5));
  RowMatrix never = mu;
  never.col(space.mu()[0].first[1]).setZero();
  CHECK_THROWS_AS(
      click_model_weights(ClickWeight::kDocument, {}, pi, never, space.mu()[0].first, w), Error);
}

TEST_CASE("position-based weights stay unbiased where the logger leaves a position out") {
  // Item 0 is never first in the log; theta makes up for it from the second position.
  const TabularSlates::Table mu{{{1, 0}, .5}, {{2, 0}, .3}, {{1, 2}, .2}};
  const EnumeratedSlates space(mu, plackett_luce_table({3, 1, 1}, 2), 3);
  const RowMatrix pi = marginals_of(space, space.pi()), behavior = marginals_of(space, mu);
  const std::vector<double> theta{1, .5};
  const auto mean_of = [&](const Slate& s) {
    return std::vector<double>{theta[0] * kAlpha[s[0]], theta[1] * kAlpha[s[1]]};
  };
  std::vector<double> terms, w(2);
  for (const auto& [slate, p] : mu) {
    click_model_weights(ClickWeight::kPositionBased, theta, pi, behavior, slate, w);
    const std::vector<double> r = mean_of(slate);
    terms.push_back(w[0] * r[0] + w[1] * r[1]);
  }
  CHECK(space.expectation(terms) == Approx(space.truth(mean_of)).epsilon(1e-12));
  CHECK(space.mean("iips", mean_of) < space.truth(mean_of) - .01);
}

TEST_CASE("influence weights are unbiased for their own sets and biased where a set is too small") {
  Stream stream = Rng(37).stream(Draw::kWorld, {});
  const std::size_t m = 4, l = 3;
  const EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                               plackett_luce_table(random_weights(m, stream), l), m);
  // Each position also depends on the next one: positions {0, 1}, {1, 2}, {2}.
  const MeanRewards mean = [](const Slate& s) {
    return std::vector<double>{kAlpha[s[0]] * kAlpha[s[1]], kAlpha[s[1]] * kAlpha[s[2]],
                               kAlpha[s[2]]};
  };
  const TabularSlates pi = space.distribution(space.pi()), mu = space.distribution(space.mu());
  const auto mean_with = [&](const std::vector<std::uint32_t>& influence) {
    std::vector<double> terms, w(l);
    for (const auto& [slate, p] : space.mu()) {
      influence_weights(pi, mu, 0, slate, influence, w);
      const std::vector<double> r = mean(slate);
      terms.push_back(std::inner_product(w.begin(), w.end(), r.begin(), 0.0));
    }
    return space.expectation(terms);
  };
  const double truth = space.truth(mean);
  CHECK(mean_with({0b011, 0b110, 0b100}) == Approx(truth).epsilon(1e-10));
  CHECK(mean_with({0b111, 0b111, 0b111}) == Approx(truth).epsilon(1e-10));
  CHECK(std::abs(mean_with({0b001, 0b010, 0b100}) - truth) > 1e-4);
  // Prefixes, single positions and whole slates are the other estimators' weights.
  CHECK(mean_with({0b001, 0b010, 0b100}) == Approx(space.mean("iips", mean)).epsilon(1e-10));
  CHECK(mean_with({0b001, 0b011, 0b111}) == Approx(space.mean("rips", mean)).epsilon(1e-10));
}

TEST_CASE("latent weights are unbiased where the latent value tells all about the reward") {
  Stream stream = Rng(38).stream(Draw::kWorld, {});
  const std::size_t m = 4, l = 2, n_latent = 3;
  const EnumeratedSlates space(plackett_luce_table(random_weights(m, stream), l),
                               plackett_luce_table(random_weights(m, stream), l), m);
  const auto n = static_cast<Eigen::Index>(space.mu().size());
  RowMatrix latent(n, static_cast<Eigen::Index>(n_latent));
  std::vector<double> p_mu, p_pi;
  for (Eigen::Index i = 0; i < n; ++i) {
    latent.row(i).setZero();
    const auto& slate = space.mu()[static_cast<std::size_t>(i)].first;
    latent(i, (slate[0] + slate[1]) % 3) = 1;
    p_mu.push_back(space.mu()[static_cast<std::size_t>(i)].second);
    p_pi.push_back(space.pi()[static_cast<std::size_t>(i)].second);
  }
  const std::vector<double> value{.2, .9, .4};
  const auto mean_with = [&](const RowMatrix& rows, bool by_latent) {
    const std::vector<double> pi = latent_marginals(p_pi, rows), mu = latent_marginals(p_mu, rows);
    std::vector<double> terms, weights;
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto& slate = space.mu()[static_cast<std::size_t>(i)].first;
      const std::vector<double> row(rows.row(i).data(), rows.row(i).data() + n_latent);
      weights.push_back(latent_weight(row, pi, mu));
      terms.push_back(weights.back() *
                      (by_latent ? value[(slate[0] + slate[1]) % 3u] : kAlpha[slate[0]]));
    }
    CHECK(space.expectation(weights) == Approx(1).epsilon(1e-12));
    return space.expectation(terms);
  };
  double by_latent = 0, by_first = 0;
  for (const auto& [slate, p] : space.pi()) {
    by_latent += p * value[(slate[0] + slate[1]) % 3u];
    by_first += p * kAlpha[slate[0]];
  }
  CHECK(mean_with(latent, true) == Approx(by_latent).epsilon(1e-10));
  CHECK(std::abs(mean_with(latent, false) - by_first) > 1e-4);
  // A blurred latent value: weights stay of mean one, the estimate is no longer exact.
  const RowMatrix blurred = .7 * latent + RowMatrix::Constant(n, n_latent, .1);
  CHECK(std::abs(mean_with(blurred, true) - by_latent) > 1e-4);
  const std::vector<double> row{0, 1, 0}, pi{.2, .3, .5}, none{.5, 0, .5};
  CHECK_THROWS_AS(latent_weight(row, pi, none), Error);
}
