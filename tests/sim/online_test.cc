#include "sim/engine/online.h"

#include <cmath>
#include <optional>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/engine/simulate.h"
#include "sim/metrics.h"
#include "tests/catch.h"
#include "tests/item_page_fixture.h"
#include "tests/site_fixture.h"

using namespace rehearsal;

namespace {

std::shared_ptr<Policy> policy_of(const World& world, const UserModel& users,
                                  const std::string& keys) {
  return make_policy(YAML::Load("{name: p, " + keys + "}"), {},
                     {world.schema(), Rng(1), &users, {}});
}

/// A small item page and who serves it.
struct Page {
  ItemPage page{"{users: 60, items: 400, categories: 4}"};
  std::shared_ptr<Policy> best = make("type: oracle");

  std::shared_ptr<Policy> make(const std::string& keys) const {
    return policy_of(*page.world, *page.users, keys);
  }
  OnlineOptions options(std::uint32_t batches, std::uint64_t pages, std::uint32_t delay = 0) const {
    OnlineOptions out;
    out.n_batches = batches;
    out.batch_rounds = pages;
    out.delay = delay;
    out.best = best.get();
    out.threads = 1;
    return out;
  }
};

bool same(const OnlineCurve& a, const OnlineCurve& b) {
  return a.rounds == b.rounds && a.expected == b.expected && a.sampled == b.sampled &&
         a.best == b.best && a.standard_error == b.standard_error && a.user_regret == b.user_regret;
}

/// sqrt(n / (n - 1) sum (y - Y / X x)^2) over those with x > 0.
double error_of_sum(const std::vector<double>& y, const std::vector<double>& x) {
  double n = 0, sum_y = 0, sum_x = 0, squares = 0;
  for (std::size_t u = 0; u < y.size(); ++u) {
    n += x[u] > 0 ? 1 : 0;
    sum_y += y[u];
    sum_x += x[u];
  }
  for (std::size_t u = 0; u < y.size(); ++u) squares += std::pow(y[u] - sum_y / sum_x * x[u], 2);
  return std::sqrt(squares * n / (n - 1));
}

/// The experiment by its definition: user after user, one page at a time.
OnlineCurve by_hand(const Page& site, Policy& policy, const OnlineOptions& options) {
  const World& world = *site.page.world;
  const UserModel& users = *site.page.users;
  const Rng rng(7);
  std::vector<Turn> next;
  for (std::uint32_t u = 0; u < world.n_users(); ++u) next.push_back({UserId{u}, kLiveSession, 0});
  std::vector<LogBatch> history;
  OnlineCurve curve;
  std::uint64_t turn = 0;
  std::vector<double> user_regret(world.n_users()), user_rounds(world.n_users());
  for (std::uint32_t b = 0; b < options.n_batches; ++b) {
    if (b >= options.delay + 1) policy.update(history[b - options.delay - 1]);
    LogBatch all;
    double expected = 0, sampled = 0, best = 0;
    for (std::uint64_t i = 0; i < options.batch_rounds; ++i, ++turn) {
      Turn& at = next[turn % world.n_users()];
      RequestBatch request;
      world.requests(std::vector<Turn>{at}, rng, request);
      const PageBatch page = recommend(policy, request, rng, nullptr);
      ResponseBatch response;
      users.respond(request, page, rng, response, nullptr);
      const auto clicks = [&](const PageBatch& of) {
        double sum = 0;
        for (const double value : users.expected(request, of).click) sum += value;
        return sum;
      };
      const double own = clicks(page);
      const double most = clicks(recommend(*options.best, request, rng, nullptr));
      expected += own;
      best += most;
      user_regret[turn % world.n_users()] += most - own;
      user_rounds[turn % world.n_users()] += 1;
      for (const std::uint8_t click : response.click) sampled += click;
      RowMatrix state(1, 0);
      std::vector<std::uint16_t> gap(1, 0);
      users.advance(request, page, response, rng, state, gap);
      if (gap[0] > 0) {
        ++at.session;
        at.round = 0;
      } else {
        ++at.round;
      }
      append(request, all.requests);
      append(page, all.pages);
      append(response, all.responses);
    }
    history.push_back(all);
    curve.rounds.push_back(options.batch_rounds);
    curve.expected.push_back(expected);
    curve.sampled.push_back(sampled);
    curve.best.push_back(best);
    curve.standard_error.push_back(error_of_sum(user_regret, user_rounds));
  }
  curve.user_regret = user_regret;
  return curve;
}

}  // namespace

TEST_CASE("the online experiment is the loop of its definition for any delay", "[online]") {
  const Page site;
  for (const char* keys : {"type: kl_ucb, examination: [1, 0.7, 0.5, 0.4, 0.3]",
                           "type: logistic_thompson, inputs: numbers"})
    for (const std::uint32_t delay : {0u, 1u, 3u}) {
      INFO(keys << ", delay " << delay);
      const OnlineOptions options = site.options(5, 150, delay);
      const auto one = site.make(keys), other = site.make(keys);
      const OnlineCurve got =
          run_online(*site.page.world, *site.page.users, {{"b", one.get()}}, Rng(7), options)[0];
      const OnlineCurve expected = by_hand(site, *other, options);
      CHECK(got.rounds == expected.rounds);
      CHECK(got.sampled == expected.sampled);
      for (std::size_t b = 0; b < 5; ++b) {
        CHECK(got.expected[b] == Approx(expected.expected[b]).epsilon(1e-12));
        CHECK(got.best[b] == Approx(expected.best[b]).epsilon(1e-12));
        CHECK(got.standard_error[b] == Approx(expected.standard_error[b]).epsilon(1e-9));
      }
      REQUIRE(got.user_regret.size() == expected.user_regret.size());
      for (std::size_t u = 0; u < got.user_regret.size(); ++u)
        CHECK(got.user_regret[u] == Approx(expected.user_regret[u]).epsilon(1e-12).margin(1e-12));
      // The last batch is learnt from after all is served; the loop by hand stops before.
      if (delay == 0)
        CHECK(one->state().begin()->second.values != other->state().begin()->second.values);
    }
}

TEST_CASE("the online experiment has the same bytes for any number of threads and chunk size",
          "[online]") {
  const Page site;
  std::optional<OnlineCurve> first;
  std::vector<double> state;
  for (const int threads : {1, 2, 3})
    for (const std::size_t chunk : {7u, 1024u}) {
      OnlineOptions options = site.options(3, 130, 1);
      options.threads = threads;
      options.chunk_rounds = chunk;
      const auto policy = site.make("type: linear_thompson, inputs: numbers");
      const auto curves =
          run_online(*site.page.world, *site.page.users, {{"b", policy.get()}}, Rng(7), options);
      const std::vector<double> now = policy->state().at("moments").values;
      if (!first) {
        first = curves[0];
        state = now;
      }
      CHECK(same(*first, curves[0]));
      CHECK(state == now);
    }
}

TEST_CASE("the best policy has no regret, and what does not learn stays as it is", "[online]") {
  const Page site;
  const auto frozen = site.make("type: ucb1");
  const auto random = site.make("type: uniform");
  const Arrays before = frozen->state();
  const auto curves = run_online(*site.page.world, *site.page.users,
                                 {{"best", site.best.get(), false},
                                  {"random", random.get(), false},
                                  {"f", frozen.get(), false}},
                                 Rng(7), site.options(4, 100));
  for (const double each : curves[0].regret()) CHECK(each == Approx(0).margin(1e-9));
  for (std::size_t b = 0; b < 4; ++b) CHECK(curves[1].best[b] == curves[0].best[b]);
  CHECK(curves[1].regret()[3] > curves[1].regret()[2]);
  CHECK(frozen->state().at("displays").values == before.at("displays").values);
  // An index that has seen nothing is a uniform page.
  CHECK(curves[2].expected == curves[1].expected);
}

TEST_CASE("the standard error of regret is how much it differs among groups of users", "[online]") {
  // 200 batches of 20 users each, none of whom comes twice: 200 regrets of a policy that does not
  // learn. Their standard deviation is known to 5 %, as one over the root of 2 * 199.
  const ItemPage page("{users: 4000, items: 400, categories: 4}");
  const auto best = policy_of(*page.world, *page.users, "type: oracle");
  const auto random = policy_of(*page.world, *page.users, "type: uniform");
  OnlineOptions options;
  options.n_batches = 200;
  options.batch_rounds = 20;
  options.best = best.get();
  options.threads = 1;
  const OnlineCurve curve =
      run_online(*page.world, *page.users, {{"random", random.get(), false}}, Rng(7), options)[0];
  const std::vector<double> regret = curve.regret();
  double squares = 0;
  for (std::size_t b = 0; b < 200; ++b)
    squares += std::pow(curve.best[b] - curve.expected[b] - regret.back() / 200, 2);
  const double spread = std::sqrt(squares / 199);
  CHECK(std::abs(curve.standard_error.back() / (spread * std::sqrt(200.0)) - 1) <
        4 / std::sqrt(2.0 * 199));
  // Half of the users: a half of the variance.
  CHECK(std::abs(curve.standard_error[99] / (spread * std::sqrt(100.0)) - 1) <
        4 / std::sqrt(2.0 * 199));
}

TEST_CASE("regret of bandits of items grows ever more slowly, that of random lists does not",
          "[online]") {
  // Ten worlds, one segment, 40 playlists, 4 cards; regret of the second half of the batches over
  // that of the first.
  for (const char* keys :
       {"type: kl_ucb, feedback: cascade", "type: beta_thompson, feedback: cascade, prior_b: 9",
        "type: epsilon_greedy, feedback: impressions",
        "type: explore_then_commit, feedback: cascade",
        "type: logistic_thompson, feedback: cascade, inputs: numbers, intercept: -3",
        "type: linear_thompson, feedback: cascade, inputs: numbers",
        "type: linear_ucb, feedback: cascade, inputs: numbers"}) {
    INFO(keys);
    std::vector<double> ratio;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
      const Rng rng(seed);
      const YAML::Node world_keys = YAML::Load(
          "{users: 300, items: 40, candidates: 40, positions: 4, dimensions: 3, segments: 1, "
          "mean_logit: -3, taste_sd: 0.3, popularity_sd: 1}");
      const YAML::Node none = YAML::Load("{}");
      const auto world =
          worlds().at("deezer_carousels").make(PluginConfig{world_keys, {"w", ""}}, rng);
      const auto users =
          user_models().at("deezer_carousels").make(PluginConfig{none, {"u", ""}}, *world, rng);
      const auto best = policy_of(*world, *users, "type: oracle");
      const auto bandit = policy_of(*world, *users, keys);
      const auto random = policy_of(*world, *users, "type: ranked_list, ranker: {type: uniform}");
      OnlineOptions options;
      options.n_batches = 20;
      options.batch_rounds = 300;
      options.best = best.get();
      options.threads = 1;
      const auto curves = run_online(
          *world, *users, {{"b", bandit.get()}, {"random", random.get(), false}}, rng, options);
      for (std::size_t b = 0; b < 20; ++b) CHECK(curves[0].best[b] >= curves[0].expected[b]);
      const auto halves = [](const std::vector<double>& regret) {
        return (regret[19] - regret[9]) / regret[9];
      };
      CHECK(halves(curves[1].regret()) == Approx(1).margin(0.1));
      ratio.push_back(halves(curves[0].regret()));
      CHECK(curves[0].regret()[19] < curves[1].regret()[19]);
    }
    double mean = 0, squares = 0;
    for (const double each : ratio) mean += each / 10;
    for (const double each : ratio) squares += (each - mean) * (each - mean);
    CHECK(mean + 4 * std::sqrt(squares / 9 / 10) < 1);
  }
}

TEST_CASE("users without a closed form of the metric have no regret to show", "[online]") {
  const Page site;
  OnlineOptions options = site.options(1, 10);
  options.metric = "likes";
  const auto policy = site.make("type: ucb1");
  CHECK_THROWS_WITH(
      run_online(*site.page.world, *site.page.users, {{"b", policy.get()}}, Rng(7), options),
      Catch::Contains("closed form"));
}
