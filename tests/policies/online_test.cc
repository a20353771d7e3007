// Bandits that learn from what they played: every update and index worked by hand or enumerated.
#include <Eigen/LU>
#include <cmath>

#include "policies/online/bandit.h"
#include "policies/online/counting.h"
#include "policies/online/indices.h"
#include "policies/online/laplace.h"
#include "policies/online/linear.h"
#include "policies/online/normal_slates.h"
#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/policies/small_log.h"
#include "tests/scenarios/program.h"
#include "tests/sim/slate_checks.h"
#include "users/deezer/carousel.h"

using namespace rehearsal;

namespace {

const std::vector<std::string> kBandits{
    "epsilon_greedy", "ucb1",       "kl_ucb",          "explore_then_commit",
    "beta_thompson",  "linear_ucb", "linear_thompson", "logistic_thompson"};

std::shared_ptr<Policy> bandit(const std::string& type, const std::string& keys = "") {
  static const Schema schema = small::schema();
  return small::policy("{name: b, type: " + type + (keys.empty() ? "" : ", " + keys) + "}", schema);
}

/// Pages of modules on a desktop (device 0) for one buyer type, with their clicks.
struct Told {
  std::vector<std::uint16_t> shown;
  std::vector<std::uint8_t> click;
  float buyer = 0;
  float device = 0;
  float taste = 0;
};

LogBatch batch_of(const std::vector<Told>& rounds) {
  LogBatch out;
  out.requests.n_features = 3;
  for (std::uint32_t i = 0; i < rounds.size(); ++i) {
    const Told& told = rounds[i];
    out.requests.user.push_back(i);
    out.requests.session.push_back(0);
    out.requests.round.push_back(0);
    out.requests.n_slots.push_back(3);
    out.requests.context.insert(out.requests.context.end(), {told.device, told.buyer, told.taste});
    out.requests.module.insert(out.requests.module.end(), {0, 1, 2, 3});
    out.requests.module_offsets.push_back(4 * (i + 1));
    out.pages.module.insert(out.pages.module.end(), told.shown.begin(), told.shown.end());
    out.pages.slot_offsets.push_back(static_cast<std::uint32_t>(out.pages.module.size()));
    out.responses.click.insert(out.responses.click.end(), told.click.begin(), told.click.end());
  }
  out.responses.purchase.assign(out.responses.click.size(), 0);
  return out;
}

const RowMatrix& displays(const Policy& policy) {
  return dynamic_cast<const CountingBandit&>(policy).displays();
}
const RowMatrix& successes(const Policy& policy) {
  return dynamic_cast<const CountingBandit&>(policy).successes();
}

bool same_state(const Policy& left, const Policy& right) {
  const Arrays a = left.state(), b = right.state();
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.shape == y.second.shape &&
           x.second.values == y.second.values;
  });
}

/// What a small site's users did under the bandit itself.
LogBatch played(const Policy& policy, std::uint32_t first_user, std::uint32_t n = 400) {
  LogBatch batch = small::log(n, first_user, policy, Rng(5));
  batch.propensities = {};
  return batch;
}

}  // namespace

TEST_CASE("the KL-UCB index solves its equation", "[online]") {
  int n_solved = 0;
  for (const double mean : {0.0, 0.007, 0.2, 0.9})
    for (const double n : {3.0, 40.0, 2500.0})
      for (const double late : {0.0, 3.0}) {
        const double time = 10 * n;
        const double q = kl_ucb_index(mean, n, time, late);
        CHECK(q > mean);
        if (q > 0.9999) continue;  // closer to 1 the bisection's step is all there is
        ++n_solved;
        const double p = std::max(mean, 1e-15);
        const double kl = p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
        // The index is exact to 1e-6, and kl changes by its slope there.
        const double slope = (q - mean) / (q * (1 - q));
        const double right = std::log(time) + late * std::log(std::log(time));
        CHECK(std::abs(n * kl - right) < n * 1e-6 * (1 + slope));
      }
  CHECK(n_solved >= 18);
  CHECK(kl_ucb_index(1, 5, 100) == Approx(1).margin(1e-6));
  CHECK(kl_ucb_index(0.3, 7, 1) == Approx(0.3).margin(1e-6));
}

TEST_CASE("the UCB1 index is the mean and its width", "[online]") {
  CHECK(ucb1_index(0.25, 8, std::exp(4), 2) == Approx(0.25 + 1));
  CHECK(ucb1_index(0.25, 8, std::exp(4), 0) == Approx(0.25));
  // Four arms, time counts the segment's displays or all.
  const std::vector<Told> rounds{
      {{0, 1, 2}, {1, 0, 0}, 0}, {{0, 1, 3}, {0, 0, 1}, 0}, {{2, 1, 0}, {0, 0, 0}, 1}};
  for (const bool all : {false, true}) {
    const auto policy = bandit(
        "ucb1", std::string("segments: [buyer], factor: 1.5, time: ") + (all ? "all" : "segment"));
    policy->update(batch_of(rounds));
    const RowMatrix& index = dynamic_cast<const IndexBandit&>(*policy).indices();
    const double time = all ? 9 : 6;
    CHECK(index(0, 0) == Approx(0.5 + std::sqrt(1.5 * std::log(time) / 2)));
    CHECK(index(0, 1) == Approx(std::sqrt(1.5 * std::log(time) / 2)));
    CHECK(index(0, 3) == Approx(1 + std::sqrt(1.5 * std::log(time))));
    CHECK(index(1, 2) == Approx(std::sqrt(1.5 * std::log(all ? 9.0 : 3.0))));
    CHECK(index(1, 3) > 1e8);  // not shown there
  }
}

TEST_CASE("displays count by feedback, place and segment, by hand", "[online]") {
  const std::vector<Told> rounds{{{0, 1, 2}, {0, 1, 1}, 0, 0}, {{3, 0, 1}, {0, 0, 0}, 2, 1}};
  const auto all = bandit("beta_thompson", "segments: [buyer]");
  all->update(batch_of(rounds));
  RowMatrix expected = RowMatrix::Zero(3, 4);
  expected.row(0) << 1, 1, 1, 0;
  expected.row(2) << 1, 1, 0, 1;
  CHECK(displays(*all) == expected);
  expected.setZero();
  expected.row(0) << 0, 1, 1, 0;
  CHECK(successes(*all) == expected);

  const auto cascade = bandit("beta_thompson", "feedback: cascade");
  cascade->update(batch_of(rounds));
  expected.resize(1, 4);
  expected << 2, 2, 0, 1;
  CHECK(displays(*cascade) == expected);
  const auto visible = bandit("beta_thompson", "feedback: cascade, visible: 1");
  visible->update(batch_of(rounds));
  expected << 1, 1, 0, 1;
  CHECK(displays(*visible) == expected);

  const auto placed = bandit("beta_thompson", "examination: [1, 0.5, 0.25]");
  placed->update(batch_of(rounds));
  expected << 1.5, 0.75, 0.25, 1;
  CHECK(displays(*placed) == expected);
  const auto devices = bandit("beta_thompson", "examination: [1, 0.5, 0.25, 0.8, 0.4, 0.2]");
  devices->update(batch_of(rounds));
  expected << 1.4, 0.7, 0.25, 0.8;
  CHECK((displays(*devices) - expected).cwiseAbs().maxCoeff() < 1e-15);
}

TEST_CASE("a cascade counts the cards that Deezer's code or paper counts", "[online]") {
  constexpr std::size_t kCards = 3;
  for (const std::size_t visible : {0u, 2u, 3u})
    for (std::uint8_t clicks = 0; clicks < 8; ++clicks) {
      Told told{{0, 1, 2}, {}};
      std::optional<std::size_t> stream;
      for (std::size_t k = 0; k < kCards; ++k) {
        told.click.push_back(clicks >> k & 1);
        if (told.click[k] && !stream) stream = k;
      }
      const auto policy =
          bandit("kl_ucb", "feedback: cascade, visible: " + std::to_string(visible));
      policy->update(batch_of({told}));
      const auto rule = visible == 0 ? deezer::SeenRule::kPublished : deezer::SeenRule::kPaper;
      CHECK(displays(*policy).sum() ==
            static_cast<double>(deezer::cards_seen(stream, kCards, visible, rule)));
    }
}

TEST_CASE("Beta posteriors are prior and counts, and pages are drawn from them", "[online]") {
  const auto policy = bandit("beta_thompson", "prior_a: 2, prior_b: 5");
  policy->update(batch_of({{{0, 1, 2}, {1, 0, 0}}, {{0, 2, 3}, {1, 0, 1}}}));
  const RequestBatch request = batch_of({{{0, 1, 2}, {0, 0, 0}}}).requests;
  const auto posteriors = make_beta_posteriors({{{4, 5}, {2, 6}, {2, 7}, {3, 5}}});
  const auto direct = make_thompson({0, 4}, {3}, posteriors, {0}, {0, 1, 2, 3});
  const auto drawn = policy->distribution(request);
  for (const testing::Slate& slate : testing::all_slates(4, 3))
    CHECK(testing::probability(*drawn, 0, slate) == testing::probability(*direct, 0, slate));
}

TEST_CASE("explore-then-commit commits an arm at its display, no sooner", "[online]") {
  const auto policy = bandit("explore_then_commit", "displays: 2");
  const RequestBatch request = batch_of({{{0, 1, 2}, {0, 0, 0}}}).requests;
  const auto first = [&](std::uint16_t module) {
    const auto slates = policy->distribution(request);
    RowMatrix marginals(3, 4);
    slates->marginals(0, marginals);
    return marginals(0, module);
  };
  CHECK(first(3) == Approx(0.25));
  policy->update(batch_of({{{0, 1, 2}, {1, 0, 0}}}));
  CHECK(first(3) == 1);  // it lacks most
  policy->update(batch_of({{{3, 0, 1}, {0, 0, 0}}}));
  CHECK(first(3) == Approx(0.5));  // as much as module 2
  policy->update(batch_of({{{3, 2, 0}, {0, 0, 0}}}));
  CHECK(first(0) == 1);  // every arm has two: the rate decides
  const auto slates = policy->distribution(request);
  CHECK(testing::probability(*slates, 0, {0, 1, 2}) == Approx(1.0 / 6));
}

TEST_CASE("epsilon-greedy mixes the best rates with uniform pages by one coin", "[online]") {
  const auto policy = bandit("epsilon_greedy", "epsilon: 0.2, initial: 0.6");
  policy->update(batch_of({{{0, 1, 2}, {1, 0, 0}}, {{0, 1, 2}, {0, 0, 0}}}));
  // Rates .5, 0, 0 and .6 of the arm that was not shown.
  const auto slates = policy->distribution(batch_of({{{0, 1, 2}, {0, 0, 0}}}).requests);
  CHECK(testing::probability(*slates, 0, {3, 0, 1}) == Approx(0.8 / 2 + 0.2 / 24));
  CHECK(testing::probability(*slates, 0, {0, 3, 1}) == Approx(0.2 / 24));
  testing::check_against_enumeration(*slates, 0, 1e-12);
}

TEST_CASE("the posterior of linear bandits is that of ridge regression", "[online]") {
  const std::vector<Told> rounds{{{0, 1, 2}, {1, 0, 0}, 0, 0, 0.5f},
                                 {{0, 2, 1}, {1, 0, 1}, 1, 1, -1},
                                 {{1, 0, 3}, {0, 0, 0}, 2, 0, 0.25f}};
  const std::string keys = "inputs: numbers, ridge: 0.7, examination: [1, 0.5, 0.25]";
  const auto policy = bandit("linear_thompson", keys + ", deviation: 0.4");
  policy->update(batch_of(rounds));
  const auto& ridge = dynamic_cast<const RidgeBandit&>(*policy);
  RequestBatch request = batch_of({{{0, 1, 2}, {0, 0, 0}, 0, 0, 0.8f}}).requests;
  const Eigen::Vector2d at(1, static_cast<double>(0.8f));
  std::vector<double> mean(4), deviation(4);
  for (std::uint16_t arm = 0; arm < 4; ++arm) {
    Eigen::Matrix2d a = 0.7 * Eigen::Matrix2d::Identity();
    Eigen::Vector2d b = Eigen::Vector2d::Zero();
    for (const Told& told : rounds)
      for (std::size_t k = 0; k < 3; ++k) {
        if (told.shown[k] != arm) continue;
        const double w = std::vector<double>{1, 0.5, 0.25}[k];
        const Eigen::Vector2d x(1, static_cast<double>(told.taste));
        a += w * w * x * x.transpose();
        b += w * told.click[k] * x;
      }
    const Eigen::Vector2d coefficients = a.inverse() * b;
    CHECK((ridge.coefficients().row(arm).transpose() - coefficients).norm() < 1e-12);
    mean[arm] = coefficients.dot(at);
    deviation[arm] = 0.4 * std::sqrt(at.dot(a.inverse() * at));
  }
  const auto drawn = policy->distribution(request);
  const auto direct = make_normal_draws({0, 4}, {3}, mean, deviation);
  for (const testing::Slate& slate : testing::all_slates(4, 3))
    CHECK(std::abs(testing::probability(*drawn, 0, slate) -
                   testing::probability(*direct, 0, slate)) < 1e-9);
  // LinUCB orders the same posterior by mean and width.
  const auto ucb = bandit("linear_ucb", keys + ", alpha: 0.4");
  ucb->update(batch_of(rounds));
  std::vector<double> index(4);
  for (std::size_t arm = 0; arm < 4; ++arm) index[arm] = mean[arm] + deviation[arm];
  RowMatrix marginals(3, 4);
  ucb->distribution(request)->marginals(0, marginals);
  const auto best = std::max_element(index.begin(), index.end()) - index.begin();
  CHECK(marginals(0, best) == 1);
}

TEST_CASE("Laplace's mode has no gradient and its precision is the prior's and the curvature",
          "[online]") {
  RowMatrixF inputs(5, 3);
  inputs << 1, 0.5f, -1, 1, -2, 0.25f, 1, 1.5f, 1, 1, 0, 0, 1, -0.5f, 2;
  const std::vector<LogisticExample> examples{{0, 1, true}, {1, 0.3, false}, {2, 1, false},
                                              {2, 1, true}, {3, 0.5, false}, {4, 1, true}};
  std::vector<double> mean{-2, 0.1, 0}, precision{1, 4, 0.5};
  const std::vector<double> m = mean, q = precision;
  laplace_update(inputs, examples, {mean, precision});
  for (std::size_t j = 0; j < 3; ++j) {
    double gradient = q[j] * (mean[j] - m[j]);
    double curvature = q[j];
    for (const LogisticExample& e : examples) {
      double z = 0;
      for (std::size_t k = 0; k < 3; ++k)
        z += mean[k] * static_cast<double>(inputs(e.row, static_cast<Eigen::Index>(k)));
      const double p = 1 / (1 + std::exp(-z));
      const double x = static_cast<double>(inputs(e.row, static_cast<Eigen::Index>(j)));
      gradient += e.weight * (p - (e.success ? 1 : 0)) * x;
      curvature += e.weight * p * (1 - p) * x * x;
    }
    CHECK(std::abs(gradient) < 1e-7);
    CHECK(precision[j] == Approx(curvature).epsilon(1e-9));
  }
  CHECK(std::abs(mean[0] - m[0]) > 0.1);
  const std::vector<double> once = mean;
  laplace_update(inputs, {}, {mean, precision});
  CHECK(mean == once);
}

TEST_CASE("a logistic bandit scores with mean and diagonal of its posterior", "[online]") {
  const std::vector<Told> rounds{{{0, 1, 2}, {1, 0, 0}, 0, 0, 0.5f},
                                 {{1, 0, 3}, {1, 0, 0}, 2, 0, -0.75f}};
  const std::string keys = "inputs: numbers, intercept: -1, precision: 2";
  const auto policy = bandit("logistic_thompson", keys);
  policy->update(batch_of(rounds));
  const Arrays state = policy->state();
  RowMatrixF inputs(2, 2);
  inputs << 1, 0.5f, 1, -0.75f;
  std::vector<double> mean{-1, 0}, precision{2, 2};
  laplace_update(inputs, std::vector<LogisticExample>{{0, 1, true}, {1, 1, false}},
                 {mean, precision});
  CHECK(state.at("mean").values[0] == Approx(mean[0]));
  CHECK(state.at("precision").values[1] == Approx(precision[1]));
  const RequestBatch request = batch_of({{{0, 1, 2}, {0, 0, 0}, 0, 0, 0.8f}}).requests;
  std::vector<double> means(4), deviations(4);
  for (std::size_t arm = 0; arm < 4; ++arm) {
    const double* row = state.at("mean").values.data() + 2 * arm;
    const double* q = state.at("precision").values.data() + 2 * arm;
    means[arm] = row[0] + 0.8 * row[1];
    deviations[arm] = std::sqrt(1 / q[0] + 0.64 / q[1]);
  }
  const auto drawn = policy->distribution(request);
  const auto direct = make_normal_draws({0, 4}, {3}, means, deviations);
  for (const testing::Slate& slate : testing::all_slates(4, 3))
    CHECK(std::abs(testing::probability(*drawn, 0, slate) -
                   testing::probability(*direct, 0, slate)) < 1e-6);
}

TEST_CASE("every bandit serves before it learns, learns from its batches, and resumes when saved",
          "[online]") {
  static const Schema schema = small::schema();
  for (const std::string& type : kBandits) {
    INFO(type);
    REQUIRE(policies().at(type).online);
    const auto straight = bandit(type);
    const Arrays fresh = straight->state();
    CHECK(recommend(*straight, small::requests(20, Rng(3)), Rng(4), nullptr).size() == 20);
    const LogBatch one = played(*straight, 0);
    straight->update(one);
    CHECK(straight->state().begin()->second.values != fresh.begin()->second.values);
    const TemporaryFolder folder;
    save_policy(*straight, straight->config(), folder.path("half"));
    const auto resumed = load_policy(folder.path("half"), schema);
    CHECK(same_state(*resumed, *straight));
    const LogBatch two = played(*straight, 400);
    CHECK(two.pages.module == played(*resumed, 400).pages.module);
    straight->update(two);
    resumed->update(two);
    CHECK(same_state(*resumed, *straight));
    CHECK(played(*resumed, 800).pages.module == played(*straight, 800).pages.module);
    // fit() forgets what it knew and takes a log for what it played.
    const std::vector<LogBatch> log{one, two};
    const auto fitted = bandit(type);
    fitted->update(two);
    fitted->fit({source_of(schema, log), Rng(9), "b"});
    CHECK(same_state(*fitted, *straight));
  }
}

TEST_CASE("bandits refuse keys and logs that cannot be", "[online]") {
  CHECK_THROWS_WITH(bandit("ucb1", "feedback: impressions"),
                    Catch::Contains("impressions are of items"));
  CHECK_THROWS_WITH(bandit("ucb1", "examination: [1, 0.5]"), Catch::Contains("has 2 numbers"));
  CHECK_THROWS_WITH(bandit("ucb1", "segments: [taste]"), Catch::Contains("is a number"));
  CHECK_THROWS_WITH(bandit("beta_thompson", "arm: items"), Catch::Contains("did you mean 'arms'"));
  const auto policy = bandit("kl_ucb");
  LogBatch batch = batch_of({{{0, 1, 2}, {0, 0, 0}}});
  batch.responses.click.clear();
  CHECK_THROWS_WITH(policy->update(batch), Catch::Contains("clicks are not recorded"));
  Arrays state = policy->state();
  state["displays"].values[1] = -1;
  CHECK_THROWS_WITH(policy->set_state(state), Catch::Contains("no counts"));
  const auto items = bandit("kl_ucb", "arms: items");
  items->set_ranker(nullptr);
  CHECK_THROWS_WITH(items->distribution(batch.requests), Catch::Contains("takes no ranker"));
}

TEST_CASE("a bandit that is held to constraints learns on", "[online]") {
  const auto policy = bandit("kl_ucb", "constraints: {pinned: {beta: 0}}");
  const LogBatch batch = played(*policy, 0, 50);
  for (std::size_t i = 0; i < batch.size(); ++i) CHECK(batch.pages.shown(i)[0] == 1);
  policy->update(batch);
  CHECK(policy->state().at("displays").values[1] == 50);
}

TEST_CASE("items are arms wherever they stand, and only those shown count", "[online]") {
  const auto policy = bandit("kl_ucb", "arms: items");
  LogBatch batch = small::log(300, 0, *policy, Rng(2));
  batch.responses.item_click.assign(batch.pages.item.size(), 0);
  batch.responses.item_click[4] = 1;
  policy->update(batch);
  std::vector<double> count(6, 0.0);
  for (const std::uint32_t item : batch.pages.item) count[item] += 1;
  for (std::size_t item = 0; item < 6; ++item)
    CHECK(displays(*policy)(0, static_cast<Eigen::Index>(item)) == count[item]);
  CHECK(successes(*policy).sum() == 1);
  CHECK(successes(*policy)(0, batch.pages.item[4]) == 1);
  static const Schema schema = small::schema();
  const std::vector<LogBatch> log{batch};
  const auto fitted = bandit("kl_ucb", "arms: items");
  fitted->fit({source_of(schema, log), Rng(9), "b"});
  CHECK(displays(*fitted) == displays(*policy));
  Propensities own;
  const RequestBatch requests = small::requests(40, Rng(8));
  const PageBatch pages = recommend(*policy, requests, Rng(40), &own);
  CHECK(propensities(*policy, requests, pages).pscore_items == own.pscore_items);
  for (const double p : own.pscore) CHECK((p > 0 && p <= 1));
}
