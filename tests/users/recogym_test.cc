#include <Eigen/LU>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sim/world/recogym_products.h"
#include "tests/catch.h"
#include "tests/support/recogym_lives.h"
#include "tests/support/shared_files.h"
#include "users/recogym/scores.h"

using namespace rehearsal;
using Json = nlohmann::json;
using recogym::Rules;

namespace {

/// The reference values; null and a warning where they are not at hand.
Json recogym_golden() {
  const std::string file = testing::shared_file("golden/simulators/recogym.json");
  if (file.empty()) return nullptr;
  std::ifstream in(file);
  return Json::parse(in);
}

recogym::Catalogue golden_catalogue(const Json& file, std::size_t n_flips = 0) {
  const Json& rows = file["v1_catalogue_seed42"]["Gamma"];
  RowMatrix gamma(static_cast<Eigen::Index>(rows.size()), 5);
  for (Eigen::Index a = 0; a < gamma.rows(); ++a)
    for (Eigen::Index k = 0; k < 5; ++k)
      gamma(a, k) = rows[static_cast<std::size_t>(a)][static_cast<std::size_t>(k)];
  return recogym::complete(gamma, file["v1_catalogue_seed42"]["mu"], {.n_flips = n_flips});
}

/// Mean of a statistic over independent runs and its standard deviation from run to run.
struct Sample {
  double n = 0, sum = 0, squares = 0;

  void add(double value) {
    ++n;
    sum += value;
    squares += value * value;
  }
  double mean() const { return sum / n; }
  double sd() const { return std::sqrt((squares - sum * sum / n) / (n - 1)); }
  double se() const { return sd() / std::sqrt(n); }
  bool agrees(double reference, double reference_se) const {
    return std::abs(mean() - reference) <= 4 * std::sqrt(reference_se * reference_se + se() * se());
  }
};

double total(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

/// What the reference counts, with its phantom row: one bandit event without a click for every
/// user, written after the user has left.
struct Statistics {
  explicit Statistics(std::size_t n_products) : click_rate(n_products), view_share(n_products) {}

  void add(const RecoGymLives& lives) {
    const auto users = static_cast<double>(lives.lives.size());
    const double views = total(lives.views), shown = total(lives.shown) + users;
    ctr.add(total(lives.clicked) / shown);
    organic_share.add(views / (views + shown));
    events.add((views + shown) / users);
    clicks.add(total(lives.clicked) / users);
    const double phantoms = users / static_cast<double>(lives.shown.size());
    for (std::size_t a = 0; a < lives.shown.size(); ++a) {
      click_rate[a].add(lives.clicked[a] / (lives.shown[a] + phantoms));
      view_share[a].add(lives.views[a] / views);
    }
  }

  Sample ctr, organic_share, events, clicks;
  std::vector<Sample> click_rate, view_share;  // (n_products)
};

std::unique_ptr<RecoGymLives> live(const recogym::Environment& environment, std::uint64_t seed,
                                   std::uint32_t n_users = 1000) {
  auto lives = std::make_unique<RecoGymLives>(environment, seed, n_users);
  while (!lives->done()) lives->step();
  return lives;
}

std::unique_ptr<recogym::Environment> random_v0(std::uint64_t seed) {
  return recogym::make_v0({}, Rules::kPublished, 2,
                          recogym::cluster_clicks(recogym::cluster_transitions(10, 2),
                                                  recogym::draw_phi(10, 0.1, Rng(seed))));
}

std::unique_ptr<recogym::Environment> random_v1(std::uint64_t seed) {
  return recogym::make_v1({}, Rules::kPublished, recogym::draw_catalogue({}, Rng(seed)), {});
}

void check_over_seeds(const Json& reference, const Statistics& ours) {
  const auto agrees = [&](const char* key, const Sample& sample) {
    INFO(key << ": " << sample.mean() << " +- " << sample.se());
    return sample.agrees(reference[key]["mean"], reference[key]["se"]);
  };
  CHECK(agrees("ctr_over_seeds", ours.ctr));
  CHECK(agrees("organic_share_over_seeds", ours.organic_share));
  CHECK(agrees("events_per_user_over_seeds", ours.events));
}

}  // namespace

TEST_CASE("recogym: links, transitions and probabilities are the published ones",
          "[users][recogym]") {
  const Json file = recogym_golden();
  if (file.is_null()) return;
  for (const auto& [key, link] : {std::pair{"v1_ctr_link_ff", &recogym::click_link_v1},
                                  std::pair{"v0_click_link_f", &recogym::click_link_v0}})
    for (std::size_t i = 0; i < file[key]["x"].size(); ++i)
      CHECK(link(file[key]["x"][i]) == Approx(file[key]["y"][i].get<double>()).margin(1e-9));
  const auto matrix = recogym::Transitions{}.matrix(Rules::kPublished);
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      CHECK(matrix[i][j] ==
            Approx(file["state_transition_effective"]["matrix"][i][j].get<double>()).margin(1e-9));
  const Json& published = file["v1_catalogue_seed42"];
  const recogym::Catalogue catalogue = golden_catalogue(file);
  const std::vector<double> omega = published["omega"];
  const std::vector<double> views = recogym::view_probabilities(catalogue, omega);
  const std::vector<double> clicks = recogym::click_probabilities(catalogue, omega);
  for (std::size_t a = 0; a < views.size(); ++a) {
    CHECK(views[a] == Approx(published["view_probs"][a].get<double>()).margin(1e-9));
    CHECK(clicks[a] == Approx(published["ctr"][a].get<double>()).margin(1e-9));
  }
}

TEST_CASE(
    "recogym: leaving a bandit session reads its own parameter only where rules are "
    "corrected",
    "[users][recogym]") {
  const recogym::Transitions transitions{.leave_bandit = 0.3};
  CHECK(transitions.matrix(Rules::kPublished)[1][2] == 0.01);
  const auto corrected = transitions.matrix(Rules::kCorrected);
  CHECK(corrected[1][2] == 0.3);
  CHECK(corrected[1][1] == Approx(0.65));
  CHECK(corrected[0] == transitions.matrix(Rules::kPublished)[0]);
}

TEST_CASE("recogym: flips swap the most alike products, no product twice", "[users][recogym]") {
  const Json file = recogym_golden();
  if (file.is_null()) return;
  const std::vector<std::uint32_t> published = file["v1_flips_3_seed42"]["index"];
  const recogym::Catalogue catalogue = golden_catalogue(file, 3);
  CHECK(recogym::flips(catalogue.gamma, 3, Rules::kPublished) == published);
  for (std::size_t a = 0; a < published.size(); ++a) {
    CHECK(catalogue.mu_bandit[a] == catalogue.mu[published[a]]);
    CHECK(catalogue.beta.row(static_cast<Eigen::Index>(a)) ==
          catalogue.gamma.row(static_cast<Eigen::Index>(published[a])));
  }
  // Two alike and two that are alike to nothing: the published second flip is of one with itself.
  RowMatrix gamma(4, 2);
  gamma << 1, 0, 1, 0.1, -1, 1, -1, -1.5;
  using Index = std::vector<std::uint32_t>;
  CHECK(recogym::flips(gamma, 2, Rules::kPublished) == Index{1, 0, 2, 3});
  CHECK(recogym::flips(gamma, 2, Rules::kCorrected) == Index{1, 0, 3, 2});
}

TEST_CASE("recogym: normalized bandit factors have length 1", "[users][recogym]") {
  const recogym::Catalogue catalogue =
      recogym::draw_catalogue({.n_products = 7, .normalize_beta = true}, Rng(3));
  for (Eigen::Index a = 0; a < 7; ++a) {
    CHECK(catalogue.beta.row(a).norm() == Approx(1));
    CHECK(catalogue.beta.row(a).dot(catalogue.gamma.row(a)) ==
          Approx(catalogue.gamma.row(a).norm()));
  }
}

TEST_CASE("recogym: v0 views stay in the cluster and clicks are likelier there",
          "[users][recogym]") {
  const RowMatrix transitions = recogym::cluster_transitions(6, 3);
  CHECK(transitions.rowwise().sum().isApproxToConstant(1));
  CHECK(transitions(2, 3) == 0.5);
  CHECK(transitions(2, 4) == 0);
  const RowMatrix clicks = recogym::cluster_clicks(transitions, RowMatrix::Constant(6, 6, 0.1));
  CHECK(clicks(2, 3) == Approx(recogym::click_link_v0(1.3)));
  CHECK(clicks(0, 5) == Approx(recogym::click_link_v0(0.1)));
  const auto environment = recogym::make_v0({}, Rules::kPublished, 3, clicks);
  const std::uint32_t words[4] = {0x90000000u, 0, 0, 0};
  recogym::User user = environment->start(words);
  CHECK(user.last_view == 3);
  environment->organic_event(user, words);
  CHECK(user.last_view == 3);
  const std::uint32_t low[4] = {0, 0, 0, 0};
  environment->organic_event(user, low);
  CHECK(user.last_view == 2);
  CHECK(environment->click_probability(user, 3) == Approx(clicks(3, 2)));
}

TEST_CASE("recogym: single precision agrees with double, with the same bytes on every processor",
          "[users][recogym]") {
  for (const std::size_t n_products : {1u, 8u, 10u, 37u}) {
    const recogym::Catalogue catalogue =
        recogym::draw_catalogue({.n_products = n_products}, Rng(n_products));
    const recogym::ScoreTable views(catalogue.gamma, catalogue.mu);
    const recogym::ScoreTable bandit(catalogue.beta, catalogue.mu_bandit);
    const std::vector<double> omega{0.5, -1, 0, 2, -0.25};
    const std::vector<float> single(omega.begin(), omega.end());
    std::vector<float> scalar(views.width()), fast(views.width());
    const float sum = recogym::view_weights(views, single, scalar, Simd::kScalar);
    CHECK(recogym::view_weights(views, single, fast) == sum);
    CHECK(std::memcmp(scalar.data(), fast.data(), 4 * fast.size()) == 0);
    const std::vector<double> p_view = recogym::view_probabilities(catalogue, omega);
    for (std::size_t a = 0; a < n_products; ++a)
      CHECK(fast[a] / sum == Approx(p_view[a]).epsilon(1e-5).margin(1e-30));
    recogym::click_vector(bandit, single, scalar, Simd::kScalar);
    recogym::click_vector(bandit, single, fast);
    CHECK(std::memcmp(scalar.data(), fast.data(), 4 * fast.size()) == 0);
    const std::vector<double> p_click = recogym::click_probabilities(catalogue, omega);
    for (std::size_t a = 0; a < n_products; ++a) CHECK(fast[a] == Approx(p_click[a]).epsilon(1e-5));
  }
}

TEST_CASE("recogym: views and clicks have the frequencies of their probabilities",
          "[users][recogym]") {
  const recogym::Catalogue catalogue = recogym::draw_catalogue({.sigma_mu = 1}, Rng(8));
  const auto environment = recogym::make_v1({}, Rules::kPublished, catalogue, {});
  const std::vector<double> omega{0.5, -1, 0, 1, -0.25};
  recogym::User user;
  std::copy(omega.begin(), omega.end(), user.omega.begin());
  const std::vector<double> p_view = recogym::view_probabilities(catalogue, omega);
  const std::vector<double> p_click = recogym::click_probabilities(catalogue, omega);
  constexpr int kEvents = 200000;
  std::vector<double> views(10);
  std::array<double, 2> clicks{};
  Stream stream = Rng(9).stream(Draw::kAdvance, {});
  for (int event = 0; event < kEvents; ++event) {
    std::array<std::uint32_t, 12> words;
    for (std::uint32_t& word : words) word = stream();
    recogym::User viewing = user, shown = user;
    environment->organic_event(viewing, words.data());
    ++views[viewing.last_view];
    shown.phase = recogym::Phase::kBandit;
    const std::uint32_t action = event % 2 == 0 ? 3 : 7;
    clicks[event % 2] += environment->bandit_event(shown, action, words.data()) ? 1 : 0;
  }
  for (std::size_t a = 0; a < 10; ++a)
    CHECK(std::abs(views[a] - kEvents * p_view[a]) <
          4 * std::sqrt(kEvents * p_view[a] * (1 - p_view[a])));
  for (const std::size_t side : {0u, 1u}) {
    const double p = p_click[side == 0 ? 3 : 7];
    CHECK(environment->click_probability(user, side == 0 ? 3 : 7) == Approx(p));
    CHECK(std::abs(clicks[side] - kEvents / 2 * p) < 4 * std::sqrt(kEvents / 2 * p * (1 - p)));
  }
}

TEST_CASE("recogym: a click brings a user back whom the chain had sent away", "[users][recogym]") {
  const auto environment = random_v1(1);
  std::uint32_t words[12] = {};
  words[1] = 0xffffffffu;  // stop
  recogym::User user;
  user.phase = recogym::Phase::kBandit;
  environment->after_bandit(user, false, words);
  CHECK(user.phase == recogym::Phase::kStop);
  user.phase = recogym::Phase::kBandit;
  environment->after_bandit(user, true, words);
  CHECK(user.phase == recogym::Phase::kOrganic);
}

TEST_CASE(
    "recogym: interests drift on the way into organic sessions, after bandit events only if "
    "told",
    "[users][recogym]") {
  const recogym::Catalogue catalogue = recogym::draw_catalogue({}, Rng(2));
  const auto plain = recogym::make_v1({}, Rules::kPublished, catalogue, {});
  const auto always = recogym::make_v1({}, Rules::kPublished, catalogue, {.for_bandits = true});
  std::uint32_t words[12] = {0, 0xc0000000u, 0, 0, 1u << 30, 1u << 30, 1u << 30, 0, 0, 0, 0, 0};
  recogym::User user;
  user.phase = recogym::Phase::kBandit;
  recogym::User stays = user, drifts = user, returns = user;
  plain->after_bandit(stays, false, words);
  CHECK(stays.phase == recogym::Phase::kBandit);
  CHECK(stays.omega == user.omega);
  always->after_bandit(drifts, false, words);
  CHECK(drifts.omega[0] == Approx(-0.067449).epsilon(1e-4));  // a tenth of the lower quartile
  words[1] = 0;
  plain->after_bandit(returns, false, words);
  CHECK(returns.phase == recogym::Phase::kOrganic);
  CHECK(returns.omega == drifts.omega);
}

TEST_CASE("recogym: events of a life have the expectations of the chain with its clicks",
          "[users][recogym]") {
  // A click of probability c whatever is shown: O = 1 + .74 O + .25 B and
  // B = 1 + c O + (1 - c)(.05 O + .94 B) from an organic and a bandit event on, by kind.
  constexpr double c = 0.2;
  const auto environment =
      recogym::make_v0({}, Rules::kPublished, 2, RowMatrix::Constant(10, 10, c));
  Eigen::Matrix2d rest;
  rest << 1 - 0.74, -0.25, -(c + (1 - c) * 0.05), 1 - (1 - c) * 0.94;
  const Eigen::RowVector2d expected = rest.inverse().row(0);
  Sample organic, bandit;
  const auto played = live(*environment, 5, 20000);
  for (const RecoGymLife& life : played->lives) {
    organic.add(life.organic);
    bandit.add(life.bandit);
  }
  CHECK(organic.agrees(expected[0], 0));
  CHECK(bandit.agrees(expected[1], 0));
}

TEST_CASE("recogym: lives in the published catalogue have the published statistics",
          "[users][recogym]") {
  const Json file = recogym_golden();
  if (file.is_null()) return;
  const auto environment = recogym::make_v1({}, Rules::kPublished, golden_catalogue(file), {});
  Statistics ours(10);
  for (std::uint64_t run = 0; run < 30; ++run) ours.add(*live(*environment, 100 + run));
  const Json& published = file["random_policy_v1_P10"]["per_seed"][0];
  REQUIRE(published["seed"] == 42);
  CHECK(ours.ctr.agrees(published["ctr"], published["ctr_se_user_clustered"]));
  CHECK(ours.organic_share.agrees(published["organic_share"],
                                  published["organic_share_se_user_clustered"]));
  CHECK(
      ours.events.agrees(published["events_per_user"]["mean"], published["events_per_user"]["se"]));
  CHECK(
      ours.clicks.agrees(published["clicks_per_user"]["mean"], published["clicks_per_user"]["se"]));
  // Where no standard error is given: runs are as long as the reference.
  for (std::size_t a = 0; a < 10; ++a) {
    INFO("product " << a);
    CHECK(ours.click_rate[a].agrees(published["ctr_by_action"][a], ours.click_rate[a].sd()));
    CHECK(ours.view_share[a].agrees(published["organic_view_share_by_product"][a],
                                    ours.view_share[a].sd()));
  }
}

TEST_CASE("recogym: over catalogues v0 and v1 have the published statistics", "[users][recogym]") {
  const Json file = recogym_golden();
  if (file.is_null()) return;
  Statistics v0(10), v1(10);
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    v0.add(*live(*random_v0(seed), seed));
    v1.add(*live(*random_v1(seed), seed));
  }
  check_over_seeds(file["random_policy_v0_P10"], v0);
  check_over_seeds(file["random_policy_v1_P10"], v1);
}

TEST_CASE("recogym: the phantom row of published logs hides 1.2 to 1.4 % of the click rate",
          "[users][recogym]") {
  const auto lives = live(*random_v0(1), 1, 20000);
  const double shown = total(lives->shown);
  const double hidden = 1 - shown / (shown + 20000);
  CHECK(hidden > 0.012);
  CHECK(hidden < 0.014);
}
