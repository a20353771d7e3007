// RecoGym's, Deezer's and KuaiSim's worlds and users as the engine plays them.
#include <yaml-cpp/yaml.h>

#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "policies/policies.h"
#include "sim/core/error.h"
#include "sim/engine/simulate.h"
#include "sim/truth.h"
#include "tests/catch.h"
#include "tests/support/shared_files.h"
#include "users/deezer/carousel.h"
#include "users/kuaisim/rules.h"
#include "users/users.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

/// A world and its users of one type, and the policy that shows uniformly random items.
struct Simulated {
  explicit Simulated(const std::string& type, const std::string& world_yaml,
                     const std::string& users_yaml = "{}", std::uint64_t seed = 1)
      : rng(100 + seed) {
    const Rng own(seed);
    const YAML::Node world_node = YAML::Load(world_yaml);
    const YAML::Node users_node = YAML::Load(users_yaml);
    world = worlds().at(type).make(PluginConfig{world_node, {"world.yaml", "world"}}, own);
    users =
        user_models().at(type).make(PluginConfig{users_node, {"users.yaml", "users"}}, *world, own);
    const YAML::Node policy_node =
        YAML::Load("{name: random, type: uniform, ranker: {type: uniform}}");
    policy = make_policy(policy_node, {}, {world->schema(), rng, nullptr, {}});
  }

  /// Plays so many rounds of every user: sink(played, truth).
  template <class Sink>
  void play_rounds(std::uint32_t n_rounds, Sink&& sink) const {
    const RoundBudget budget{std::uint64_t{n_rounds} * world->n_users(), world->n_users()};
    play(*world, *users, *policy, rng, 0, world->n_users(), budget, 0, 256, false,
         [&](Played& played, TruthBatch& truth) { sink(played, truth); });
  }

  Rng rng;
  std::unique_ptr<World> world;
  std::unique_ptr<UserModel> users;
  std::shared_ptr<Policy> policy;
};

/// Sum of (outcome - probability), in standard errors.
struct ListDeviation {
  double difference = 0;
  double variance = 0;

  void add(double outcome, double p) {
    difference += outcome - p;
    variance += p * (1 - p);
  }
  double z() const { return variance > 0 ? difference / std::sqrt(variance) : difference; }
};

/// Clicks of items at each place against their exact expectations.
void check_item_clicks(const Simulated& simulated, std::uint32_t n_rounds) {
  std::vector<ListDeviation> click;
  simulated.play_rounds(n_rounds, [&](Played& played, TruthBatch& truth) {
    const ExpectedBatch expected = simulated.users->expected(played.requests, played.pages);
    for (std::size_t s = 0; s < played.pages.module.size(); ++s) {
      double sum = 0;
      const std::size_t first = played.pages.item_offsets[s];
      const std::size_t n = played.pages.item_offsets[s + 1] - first;
      click.resize(std::max(click.size(), n));
      for (std::size_t k = 0; k < n; ++k) {
        click[k].add(played.responses.item_click[first + k], expected.item_click[first + k]);
        sum += expected.item_click[first + k];
      }
      REQUIRE(expected.click[s] == Approx(sum).epsilon(1e-12));
      REQUIRE(truth.p_click[s] == Approx(sum).epsilon(1e-5));
    }
  });
  for (std::size_t k = 0; k < click.size(); ++k) {
    INFO("place " << k);
    CHECK(click[k].variance > 20);
    CHECK(std::abs(click[k].z()) < 4);
  }
}

Json list_golden(const std::string& name) {
  const std::string file = testing::shared_file("golden/simulators/" + name);
  if (file.empty()) return nullptr;
  std::ifstream in(file);
  return Json::parse(in);
}

std::string refusal(const std::string& type, const std::string& world_yaml,
                    const std::string& users_yaml) {
  try {
    const Simulated simulated(type, world_yaml, users_yaml);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

struct SampledMean {
  double n = 0, sum = 0, squares = 0;
  void add(double value) {
    ++n;
    sum += value;
    squares += value * value;
  }
  double mean() const { return sum / n; }
  double se() const { return std::sqrt((squares - sum * sum / n) / (n - 1) / n); }
};

}  // namespace

TEST_CASE("recogym played by the engine: clicks have their exact probabilities",
          "[users][recogym]") {
  check_item_clicks(Simulated("recogym", "{users: 500, products: 6}"), 100);
  check_item_clicks(Simulated("recogym_v0", "{users: 500}"), 100);
}

TEST_CASE("recogym played by the engine: the context is what the site has seen of the user",
          "[users][recogym]") {
  const Simulated simulated("recogym", "{users: 50, products: 5}");
  const Schema& schema = simulated.world->schema();
  const std::size_t last = schema.feature_index("last_viewed");
  std::map<std::uint32_t, std::pair<std::uint16_t, double>> before;  // session, views
  double grew = 0, clicks = 0;
  simulated.play_rounds(60, [&](Played& played, TruthBatch&) {
    for (std::size_t i = 0; i < played.requests.size(); ++i) {
      const std::span<const float> context = played.requests.features(i);
      double views = 0;
      for (std::size_t a = 0; a < 5; ++a)
        views += std::expm1(context[schema.feature_index("views_" + std::to_string(a))]);
      REQUIRE(views > 0.5);  // the last of which is
      const auto viewed = static_cast<std::size_t>(context[last]);
      REQUIRE(context[schema.feature_index("views_" + std::to_string(viewed))] > 0);
      auto& [session, seen] = before[played.requests.user[i]];
      if (session == played.requests.session[i] && seen > 0) {
        REQUIRE(views > seen - 1e-3);
        grew += views > seen + 0.5 ? 1 : 0;
      }
      session = played.requests.session[i];
      seen = views;
      clicks += played.responses.click[i];
    }
  });
  CHECK(grew >= clicks / 2);
  CHECK(grew > 50);
}

TEST_CASE("recogym played by the engine: click rates and sessions are the published ones",
          "[users][recogym]") {
  const Json file = list_golden("recogym.json");
  if (file.is_null()) return;
  for (const auto& [type, key] : {std::pair{"recogym", "random_policy_v1_P10"},
                                  std::pair{"recogym_v0", "random_policy_v0_P10"}}) {
    INFO(type);
    SampledMean ctr, length;
    for (std::uint64_t seed = 1; seed <= 12; ++seed) {
      const Simulated simulated(type, "{users: 100}", "{}", seed);
      double clicks = 0, pages = 0, sessions = 0;
      simulated.play_rounds(500, [&](Played& played, TruthBatch& truth) {
        for (std::size_t i = 0; i < played.requests.size(); ++i) {
          clicks += played.responses.click[i];
          pages += 1;
          sessions += truth.leave[i];
        }
      });
      ctr.add(clicks / pages);
      length.add(pages / sessions);
    }
    // The reference counts a phantom page for every user, and users without a page.
    SampledMean reference, reference_length;
    for (const Json& seed : file[key]["per_seed"]) {
      const double pages = seed["bandit_per_user"]["mean"].get<double>() - 1;
      reference.add(seed["clicks_per_user"]["mean"].get<double>() / pages);
      reference_length.add(pages / (0.25 / 0.26));  // users whose first views lead to a page
    }
    CHECK(std::abs(ctr.mean() - reference.mean()) < 4 * std::hypot(ctr.se(), reference.se()));
    CHECK(std::abs(length.mean() - reference_length.mean()) <
          4 * std::hypot(length.se(), reference_length.se()));
  }
}

TEST_CASE("recogym: what the rules do not read or cannot be is refused with its key",
          "[users][recogym]") {
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal("recogym", "{}", "{leave_bandit: 0.2}"),
             Contains("leave_bandit") && Contains("corrected"));
  CHECK(refusal("recogym", "{}", "{leave_bandit: 0.2, rules: corrected}").empty());
  CHECK_THAT(refusal("recogym", "{}", "{organic_to_bandit: 0.995}"),
             Contains("organic_to_bandit") && Contains("above 1"));
  CHECK_THAT(refusal("recogym_v0", "{clusters: 3}", "{}"), Contains("clusters"));
  const Simulated v0("recogym_v0", "{users: 5}");
  const YAML::Node node = YAML::Load("{}");
  CHECK_THROWS_WITH(user_models().at("recogym").make({node, {}}, *v0.world, Rng(1)),
                    Contains("needs a world of type recogym"));
}

TEST_CASE("deezer carousels played by the engine: streams have their exact probabilities",
          "[users][deezer]") {
  const std::string world =
      "{users: 400, items: 60, candidates: 20, positions: 12, dimensions: 8, segments: 4, "
      "mean_logit: -2.5}";
  check_item_clicks(Simulated("deezer_carousels", world), 50);
  check_item_clicks(Simulated("deezer_carousels", world, "{swipe: 0.4}"), 50);
}

TEST_CASE(
    "deezer carousels: the law of streams is the first success, and swiping scales what lies "
    "beyond the visible cards",
    "[users][deezer]") {
  const std::string world =
      "{users: 5, items: 30, candidates: 14, positions: 12, dimensions: 8, segments: 2}";
  const Simulated published("deezer_carousels", world);
  const Simulated swiping("deezer_carousels", world, "{swipe: 0.4}");
  published.play_rounds(2, [&](Played& played, TruthBatch&) {
    const ExpectedBatch all = published.users->expected(played.requests, played.pages);
    const ExpectedBatch some = swiping.users->expected(played.requests, played.pages);
    const Array& users = published.world->parameters().at("user_features");
    const Array& playlists = published.world->parameters().at("playlist_weights");
    for (std::size_t i = 0; i < played.requests.size(); ++i) {
      std::vector<double> p, first(12);
      for (std::size_t k = 0; k < 12; ++k)
        p.push_back(deezer::stream_probability(
            std::span(users.values).subspan(9 * played.requests.user[i], 9),
            std::span(playlists.values).subspan(9 * played.pages.item[12 * i + k], 9)));
      deezer::first_stream_law(p, first);
      for (std::size_t k = 0; k < 12; ++k) {
        REQUIRE(all.item_click[12 * i + k] == Approx(first[k]).epsilon(1e-5));
        REQUIRE(some.item_click[12 * i + k] == Approx(first[k] * (k < 3 ? 1 : 0.4)).epsilon(1e-5));
      }
      REQUIRE(all.click[i] == Approx(deezer::any_stream(p)).epsilon(1e-5));
    }
  });
}

TEST_CASE(
    "deezer carousels: impressions follow the published rule or the paper's, and a carousel "
    "is a session",
    "[users][deezer]") {
  const std::string world =
      "{users: 300, items: 40, candidates: 20, positions: 12, dimensions: 8, segments: 4, "
      "mean_logit: -2}";
  for (const std::string rule : {"published", "paper"}) {
    const Simulated simulated("deezer_carousels", world, "{seen: " + rule + "}");
    std::array<int, 13> streams{};
    simulated.play_rounds(4, [&](Played& played, TruthBatch& truth) {
      for (std::size_t i = 0; i < played.requests.size(); ++i) {
        std::size_t stream = 0, seen = 0;
        while (stream < 12 && played.responses.item_click[12 * i + stream] == 0) ++stream;
        while (seen < 12 && played.responses.impression[12 * i + seen] != 0) ++seen;
        ++streams[stream];
        const std::size_t upto = std::min<std::size_t>(stream + 1, 12);
        const std::size_t paper = stream == 12 ? 3 : std::max<std::size_t>(3, upto);
        REQUIRE(seen == (rule == "paper" ? paper : upto));
        REQUIRE(truth.leave[i] == 1);
        REQUIRE(played.responses.click[i] == (stream < 12 ? 1 : 0));
        REQUIRE(played.requests.round[i] == 0);
      }
    });
    CHECK(streams[0] > 20);
    CHECK(streams[12] > 20);
  }
}

TEST_CASE("kuaisim played by the engine: clicks have their exact probabilities",
          "[users][kuaisim]") {
  const std::string world = "{users: 200, items: 100, candidates: 20, dimensions: 16}";
  check_item_clicks(Simulated("kuaisim", world), 20);
  check_item_clicks(
      Simulated("kuaisim", world, "{link: sigmoid, similarity: cosine, history: 0.3}"), 20);
}

TEST_CASE("kuaisim: every feedback has its frequency and rewards are weighted sums",
          "[users][kuaisim]") {
  const Simulated simulated(
      "kuaisim", "{users: 300, items: 100, candidates: 20, dimensions: 16}",
      "{link: sigmoid, logit: [0, 0, -1, -1, -1, -1, -1], weights: [1, 0, 2, 0, 0, 0, -3]}");
  ListDeviation like, share, hide;
  double reward = 0, expected_reward = 0;
  simulated.play_rounds(20, [&](Played& played, TruthBatch&) {
    const ExpectedBatch expected = simulated.users->expected(played.requests, played.pages);
    for (std::size_t j = 0; j < played.pages.item.size(); ++j) {
      like.add(played.responses.like[j], expected.like[j]);
      share.add(played.responses.share[j], expected.share[j]);
      hide.add(played.responses.hide[j], expected.hide[j]);
      const int worth = played.responses.item_click[j] + 2 * played.responses.like[j] -
                        3 * played.responses.hide[j];
      REQUIRE(played.responses.engagement[j] == static_cast<float>(worth));
      REQUIRE(expected.engagement[j] ==
              Approx(expected.item_click[j] + 2 * expected.like[j] - 3 * expected.hide[j]));
      reward += played.responses.engagement[j];
      expected_reward += expected.engagement[j];
    }
  });
  CHECK(std::abs(like.z()) < 4);
  CHECK(std::abs(share.z()) < 4);
  CHECK(std::abs(hide.z()) < 4);
  CHECK(std::abs(reward - expected_reward) < 4 * std::sqrt(36000 * 5.0));
}

TEST_CASE(
    "kuaisim played by the engine: sessions are as long as published, and users come back "
    "by the published law",
    "[users][kuaisim]") {
  const Json file = list_golden("kuaisim.json");
  if (file.is_null()) return;
  for (const auto& [key, published] : file["session_length_temper20_slate6_click_prob"].items()) {
    INFO("click probability " << key);
    const double p = std::stod(key);
    const Simulated simulated(
        "kuaisim", "{users: 400, items: 60, candidates: 20, dimensions: 8}",
        "{link: sigmoid, slope: [0, 0, 0, 0, 0, 0, 0], item_correlation: 0, initial_temper: 20, "
        "personal_sd: 0, logit: [" +
            std::to_string(std::log(p / (1 - p))) + ", 0, 0, 0, 0, 0, 0]}");
    const std::size_t days = simulated.world->schema().feature_index("days_away");
    SampledMean length;
    std::array<double, 11> seen{}, expected{};
    std::map<std::uint32_t, double> reward;  // of the last list of the session before
    std::map<std::uint32_t, long> visit;     // the day of that session
    simulated.play_rounds(100, [&](Played& played, TruthBatch& truth) {
      for (std::size_t i = 0; i < played.requests.size(); ++i) {
        const std::uint32_t user = played.requests.user[i];
        if (played.requests.round[i] == 0 && played.requests.session[i] > 0) {
          const auto day = std::lround(std::exp(played.requests.features(i)[days]));
          seen.at(static_cast<std::size_t>(day)) += 1;
          REQUIRE(played.requests.day[i] == visit[user] + day);
          const std::vector<double> law = kuaisim::Return{}.day_law(0, reward[user]);
          for (std::size_t k = 0; k < law.size(); ++k) expected[k + 1] += law[k];
        }
        if (truth.leave[i] == 0) continue;
        visit[user] = played.requests.day[i];
        length.add(played.requests.round[i] + 1);
        reward[user] = played.responses.click[i] / 6.0;
      }
    });
    CHECK(std::abs(length.mean() - published["mean"].get<double>()) <
          4 * std::hypot(length.se(), published["se"].get<double>()));
    double chi_square = 0;
    for (std::size_t day = 1; day <= 10; ++day)
      chi_square += std::pow(seen[day] - expected[day], 2) / expected[day];
    CHECK(chi_square < 9 + 4 * std::sqrt(18.0));
  }
}

TEST_CASE("kuaisim: lists of feedbacks of another length and worlds of another type are refused",
          "[users][kuaisim]") {
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal("kuaisim", "{}", "{weights: [1]}"), Contains("weights") && Contains("7"));
  CHECK_THAT(refusal("kuaisim", "{observed: 33}", "{}"), Contains("observed"));
  CHECK_THAT(refusal("deezer_carousels", "{positions: 65}", "{}"), Contains("positions"));
  const Simulated other("recogym", "{users: 5}");
  const YAML::Node node = YAML::Load("{}");
  for (const char* type : {"kuaisim", "deezer_carousels"})
    CHECK_THROWS_WITH(user_models().at(type).make({node, {}}, *other.world, Rng(1)),
                      Contains(std::string("needs a world of type ") + type));
}
