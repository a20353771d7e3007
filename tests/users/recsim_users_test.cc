#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/site_fixture.h"
#include "users/recsim/interest_evolution.h"
#include "users/recsim/interest_exploration.h"
#include "users/recsim/long_term_satisfaction.h"

using namespace rehearsal;
using namespace rehearsal::recsim;

namespace {

const std::string kEvolution = "recsim_interest_evolution";
const std::string kExploration = "recsim_interest_exploration";
const std::string kSatisfactionWorld = "recsim_long_term_satisfaction";

/// One user at many turns, always in the same state.
struct ManyTurns {
  ManyTurns(const Site& site, std::uint16_t n) {
    const RowMatrix one = site.start(1);
    state = one.replicate(n, 1);
    for (std::uint16_t r = 0; r < n; ++r) turns.push_back({UserId{0}, 0, r});
    requests = site.requests(turns, state);
  }
  std::vector<Turn> turns;
  RowMatrix state;
  RequestBatch requests;
};

/// Frequencies of clicks and the mean amount are what `expected` says.
void check_frequencies(const Site& site, std::vector<float> ResponseBatch::*amount,
                       std::vector<double> ExpectedBatch::*expected_amount) {
  constexpr std::uint16_t kTurns = 20000;
  const ManyTurns many(site, kTurns);
  const PageBatch pages = lists_of(kTurns, {4, 9, 2, 17});
  ResponseBatch responses;
  TruthBatch truth;
  site.users->respond(many.requests, pages, Rng(8), responses, &truth);
  const ExpectedBatch expected = site.users->expected(many.requests, pages);
  for (std::size_t k = 0; k < 4; ++k) {
    double clicks = 0, sum = 0, squares = 0;
    for (std::size_t i = 0; i < kTurns; ++i) {
      clicks += responses.item_click[4 * i + k];
      if (amount == nullptr) continue;
      const double value = (responses.*amount)[4 * i + k];
      sum += value;
      squares += value * value;
    }
    const double p = expected.item_click[k];
    INFO("item " << k << ": " << clicks / kTurns << ", expected " << p);
    CHECK(std::abs(clicks - kTurns * p) <= 4 * std::sqrt(kTurns * p * (1 - p)) + 1e-9);
    CHECK(truth.p_item_click[k] == Approx(p));
    if (amount == nullptr) continue;
    const double variance = squares / kTurns - sum * sum / kTurns / kTurns;
    CHECK(std::abs(sum / kTurns - (expected.*expected_amount)[k]) <=
          4 * std::sqrt(variance / kTurns) + 1e-9);
  }
  double p_any = 0;
  for (std::size_t k = 0; k < 4; ++k) p_any += expected.item_click[k];
  CHECK(expected.click[0] == Approx(p_any));
  for (std::size_t i = 0; i < kTurns; ++i) {
    int clicks = 0;
    for (std::size_t k = 0; k < 4; ++k) clicks += responses.item_click[4 * i + k];
    REQUIRE(clicks == responses.click[i]);
    REQUIRE(clicks <= 1);
  }
}

std::string message_of(const std::string& type, const std::string& world_yaml,
                       const std::string& users_yaml, const std::string& users_type = "") {
  try {
    Site(type, world_yaml, users_yaml, users_type);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a choice by the items' own numbers has the model's probabilities") {
  const std::vector<double> scores{0.4, -0.3, 0.1};
  for (const Choice choice : {Choice::kMultinomialLogit, Choice::kMultinomialProportional,
                              Choice::kExponentialCascade, Choice::kProportionalCascade}) {
    const ChoiceModel model{choice, 0.2, -1, 0.8, 0.5, false};
    std::vector<double> p(4);
    choice_probabilities(model, scores, p);
    constexpr std::uint32_t kDraws = 100000;
    std::vector<double> seen(4);
    Stream draws = Rng(2).stream(Draw::kResponse, {});
    for (std::uint32_t n = 0; n < kDraws; ++n) {
      std::vector<double> uniforms;
      for (int i = 0; i < 4; ++i) uniforms.push_back(draws.uniform());
      seen[chosen_by_item(model.cascade(), p, uniforms)] += 1;
    }
    double chi_square = 0;
    for (std::size_t i = 0; i < 4; ++i)
      chi_square += std::pow(seen[i] - kDraws * p[i], 2) / (kDraws * p[i]);
    CHECK(chi_square < 3 + 4 * std::sqrt(6.0));
  }
  // No chance: never, whatever the number.
  CHECK(chosen_by_item(false, std::vector<double>{0, 1}, std::vector<double>{0.999, 0.001}) == 1);
}

TEST_CASE("RecSim's users click as their closed forms say, under every choice model") {
  for (const char* choice : {"multinomial_logit", "multinomial_proportional", "exponential_cascade",
                             "proportional_cascade"})
    check_frequencies(Site(kEvolution, "{users: 50, items: 60, candidates: 4}",
                           std::string("{score_scaling: 0.3, choice: ") + choice + "}"),
                      &ResponseBatch::dwell, &ExpectedBatch::dwell);
  check_frequencies(Site(kExploration, "{users: 50, items: 60}", "{no_click_mass: 2}"), nullptr,
                    nullptr);
  check_frequencies(Site(kSatisfactionWorld), &ResponseBatch::engagement,
                    &ExpectedBatch::engagement);
}

TEST_CASE("scores of RecSim's users are interests, affinities plus quality, and the first place") {
  const Site evolution(kEvolution);
  RowMatrix state = evolution.start(1);
  const std::vector<std::uint32_t> items{3, 30};
  const PageBatch pages = lists_of(1, items);
  double weight[2];
  for (std::size_t k = 0; k < 2; ++k) {
    const auto topic = static_cast<Eigen::Index>(evolution.hidden("item_topic", items[k]));
    weight[k] = state(0, 1 + topic) + 1;
  }
  const std::vector<Turn> turns{{UserId{0}, 0, 0}};
  ExpectedBatch expected = evolution.users->expected(evolution.requests(turns, state), pages);
  CHECK(expected.item_click[1] == Approx(weight[1] / (weight[0] + weight[1] + 2)));
  CHECK(expected.dwell[1] == Approx(4 * expected.item_click[1]));

  const Site exploration(kExploration);
  state = exploration.start(1);
  for (std::size_t k = 0; k < 2; ++k) {
    const auto topic = static_cast<Eigen::Index>(exploration.hidden("item_topic", items[k]));
    weight[k] = std::exp(state(0, topic) + exploration.hidden("item_quality", items[k]));
  }
  expected = exploration.users->expected(exploration.requests(turns, state), pages);
  CHECK(expected.item_click[0] == Approx(weight[0] / (weight[0] + weight[1] + std::exp(5))));

  const Site satisfaction(kSatisfactionWorld);
  state = satisfaction.start(1);
  expected = satisfaction.users->expected(satisfaction.requests(turns, state), pages);
  CHECK(expected.item_click == std::vector<double>{1, 0});
  const double c = satisfaction.hidden("item_clickbait", 3);
  const double sat = 1 / (1 + std::exp(-0.01 * state(0, 0)));
  CHECK(expected.engagement[0] == Approx(std::exp((5 * c + 4 * (1 - c)) * sat + 0.5)));
}

TEST_CASE("whether an item is taken depends on the item's luck and not on its place") {
  const Site site(kEvolution);
  const ManyTurns many(site, 500);
  ResponseBatch forward, backward;
  site.users->respond(many.requests, lists_of(500, {4, 9, 2}), Rng(8), forward, nullptr);
  site.users->respond(many.requests, lists_of(500, {2, 9, 4}), Rng(8), backward, nullptr);
  int clicks = 0;
  for (std::size_t i = 0; i < 500; ++i)
    for (std::size_t k = 0; k < 3; ++k) {
      REQUIRE(forward.item_click[3 * i + k] == backward.item_click[3 * i + 2 - k]);
      clicks += forward.item_click[3 * i + k];
    }
  CHECK(clicks > 100);
}

TEST_CASE("interest evolution moves a user as its kernel does, and a session ends with its time") {
  const Site site(kEvolution, "{users: 50, items: 60}", "{time_budget: 6}");
  const InterestEvolution model;
  const PageBatch pages = lists_of(1, {3, 30});
  RowMatrix state = site.start(1);
  int clicks = 0, sessions = 0;
  Turn turn{UserId{0}, 0, 0};
  for (int step = 0; step < 200; ++step) {
    RowMatrix before = state;
    const RequestBatch requests = site.requests({turn}, state);
    ResponseBatch responses;
    site.users->respond(requests, pages, Rng(9), responses, nullptr);
    std::vector<std::uint16_t> gap(1, 9);
    site.users->advance(requests, pages, responses, Rng(9), state, gap);
    double budget = before(0, 0) - 0.5;
    if (responses.click[0] != 0) {
      ++clicks;
      const std::uint32_t item = responses.item_click[0] != 0 ? 3 : 30;
      const auto topic = 1 + static_cast<Eigen::Index>(site.hidden("item_topic", item));
      const double watched = watch_time(before(0, 0), 4);
      CHECK(responses.dwell[item == 3 ? 0 : 1] == static_cast<float>(watched));
      budget =
          budget_after_click(model, before(0, 0), watched, 0, site.hidden("item_quality", item));
      const double uniform = Rng(9).stream(Draw::kAdvance, turn).uniform();
      before(0, topic) = evolved_interest(model, before(0, topic), uniform);
    }
    REQUIRE(gap[0] == (budget <= 0));
    if (gap[0] == 0) {
      CHECK(state(0, 0) == Approx(budget));
      CHECK(state.block(0, 1, 1, 20) == before.block(0, 1, 1, 20));
      ++turn.round;
      continue;
    }
    // A new session: all time, new interests, nothing seen.
    CHECK(state(0, 0) == 6);
    CHECK(state.block(0, 1, 1, 20) != before.block(0, 1, 1, 20));
    CHECK(state.block(0, 21, 1, 40).isZero());
    turn = {turn.user, ++turn.session, 0};
    ++sessions;
  }
  CHECK(clicks > 40);
  CHECK(sessions > 10);
}

TEST_CASE("interests last where they are said to, and otherwise are uniform in every session") {
  const Site site(kEvolution, "{users: 50, items: 60}",
                  "{time_budget: 0.5, interests_last: true, no_click_mass: 1e6}");
  RowMatrix state = site.start(1);
  const RowMatrix before = state;
  const RequestBatch requests = site.requests({{UserId{0}, 0, 0}}, state);
  const PageBatch pages = lists_of(1, {3, 30});
  ResponseBatch responses;
  site.users->respond(requests, pages, Rng(9), responses, nullptr);
  std::vector<std::uint16_t> gap(1);
  site.users->advance(requests, pages, responses, Rng(9), state, gap);
  CHECK(gap[0] == 1);
  CHECK(state.block(0, 0, 1, 21) == before.block(0, 0, 1, 21));
  const RowMatrix all = site.start(50);
  const double mean = all.block(0, 1, 50, 20).mean();
  CHECK(std::abs(mean) < 4 / std::sqrt(3.0 * 1000));
  CHECK(all.block(0, 1, 50, 20).cwiseAbs().maxCoeff() <= 1);
}

TEST_CASE("the site sees clicks over showings of each topic, and no more than that") {
  const Site site(kExploration, "{users: 50, items: 60}", "{no_click_mass: -1e6}");
  RowMatrix state = site.start(1);
  std::vector<std::uint32_t> items;
  for (std::uint32_t item = 0; items.size() < 2; ++item)
    if (site.hidden("item_topic", item) == 1) items.push_back(item);
  const PageBatch pages = lists_of(1, items);
  RequestBatch requests = site.requests({{UserId{0}, 0, 0}}, state);
  CHECK(requests.context == std::vector<float>{0, 0});
  ResponseBatch responses;
  site.users->respond(requests, pages, Rng(9), responses, nullptr);
  std::vector<std::uint16_t> gap(1);
  site.users->advance(requests, pages, responses, Rng(9), state, gap);
  CHECK(gap[0] == 0);
  // Two showings and, as nobody can take nothing, one click.
  requests = site.requests({{UserId{0}, 0, 1}}, state);
  CHECK(requests.context[0] == 0);
  CHECK(requests.context[1] == Approx(2.0 / 6 - 0.25));
}

TEST_CASE("long-term satisfaction moves exposure and what the site sees, for 60 pages") {
  const Site site(kSatisfactionWorld);
  RowMatrix state = site.start(1);
  const PageBatch pages = lists_of(1, {7, 8});
  const double c = site.hidden("item_clickbait", 7);
  const LongTermSatisfaction model;
  double exposure = state(0, 0), recent = 0;
  CHECK(std::abs(exposure) <= 0.5 / 0.3);
  for (std::uint16_t round = 0; round < 60; ++round) {
    const Turn turn{UserId{0}, 0, round};
    const RequestBatch requests = site.requests({turn}, state);
    CHECK(requests.context[0] == Approx(recent).margin(1e-6));
    CHECK(requests.context[2] == Approx(round / 60.0 - 0.5));
    ResponseBatch responses;
    site.users->respond(requests, pages, Rng(9), responses, nullptr);
    std::vector<std::uint16_t> gap(1);
    site.users->advance(requests, pages, responses, Rng(9), state, gap);
    const double z = normal_from(Rng(9).stream(Draw::kAdvance, turn)());
    exposure = next_exposure(model, exposure, c, z);
    recent = 0.7 * recent + c - 0.5;
    REQUIRE(gap[0] == (round == 59));
    if (gap[0] != 0) break;
    CHECK(state(0, 0) == Approx(exposure));
    CHECK(state(0, 3) == Approx(std::log(responses.engagement[0]) - 2.25));
  }
  CHECK(state(0, 0) != Approx(exposure));
  CHECK(state(0, 1) == 0);
}

TEST_CASE("RecSim's users refuse parameters and worlds that cannot be, with the key") {
  using Catch::Matchers::Contains;
  const std::string world = "{users: 5, items: 60}";
  const auto evolution = [&](const std::string& yaml) {
    return message_of(kEvolution, world, yaml);
  };
  CHECK(evolution("{}").empty());
  CHECK_THAT(evolution("{min_normalizer: -0.5}"), Contains("min_normalizer"));
  CHECK_THAT(evolution("{no_click_mass: -2}"), Contains("no_click_mass"));
  CHECK_THAT(evolution("{choice: proportional_cascade, score_scaling: 0.6}"),
             Contains("score_scaling"));
  CHECK_THAT(evolution("{choice: exponential_cascade, score_scaling: 0.4}"),
             Contains("score_scaling"));
  CHECK_THAT(evolution("{attention: 1.1}"), Contains("attention"));
  CHECK_THAT(evolution("{choice: cascade}"), Contains("choice"));
  CHECK_THAT(evolution("{time_budget: 0}"), Contains("time_budget"));
  CHECK_THAT(message_of(kExploration, world, "{}", kEvolution),
             Contains("video_length") && Contains("needs a world of type " + kEvolution));
  CHECK_THAT(message_of(kEvolution, world, "{}", kSatisfactionWorld), Contains("item_clickbait"));
  CHECK_THAT(message_of(kExploration, world, "{type_share: [0.5, 0.6]}"), Contains("type_share"));
  CHECK_THAT(message_of(kExploration, world, "{affinity_log_mean: [0.1, 0.2]}"),
             Contains("affinity_log_mean"));
  CHECK_THAT(message_of(kExploration, world, "{choice: exponential_cascade}"),
             Contains("score_scaling"));
  CHECK(message_of(kExploration, world, "{choice: exponential_cascade, score_scaling: 1e-4}")
            .empty());
  CHECK_THAT(message_of(kExploration, "{items: 60, topic_share: [0.5, 0.4]}", "{}"),
             Contains("topic_share"));
  CHECK_THAT(message_of(kExploration, "{items: 60, quality_log_mean: [1]}", "{}"),
             Contains("quality_log_mean"));
  CHECK_THAT(message_of(kSatisfactionWorld, world, "{memory_discount: 1}"),
             Contains("memory_discount"));
  CHECK_THAT(message_of(kSatisfactionWorld, world, "{choc_mean: .nan}"), Contains("choc_mean"));
}

TEST_CASE("RecSim's catalogues have the published laws and show what policies may see") {
  const Site evolution(kEvolution, "{users: 5, items: 40000}");
  const Schema& schema = evolution.world->schema();
  CHECK(schema.item_features.size() == 21);
  CHECK(schema.item_features.back() == "quality");
  std::vector<double> n(20), sum(20);
  for (std::uint32_t i = 0; i < 40000; ++i) {
    const auto topic = static_cast<std::size_t>(evolution.hidden("item_topic", i));
    const double quality = evolution.hidden("item_quality", i);
    n[topic] += 1;
    sum[topic] += quality;
    const auto row = static_cast<Eigen::Index>(i);
    REQUIRE(schema.items(row, static_cast<Eigen::Index>(topic)) == 1);
    REQUIRE(schema.items.row(row).head(20).sum() == 1);
    REQUIRE(schema.items(row, 20) == static_cast<float>(quality));
  }
  const std::vector<double> mean = evolution_topic_quality(20);
  for (std::size_t k = 0; k < 20; ++k) {
    CHECK(std::abs(n[k] - 2000) < 4 * std::sqrt(2000 * 0.95));
    CHECK(std::abs(sum[k] / n[k] - mean[k]) < 4 * 0.1 / std::sqrt(n[k]));
  }
  const Site blind(kEvolution, "{users: 5, items: 60, show_quality: false}");
  CHECK(blind.world->schema().item_features.size() == 20);
  const Site satisfaction(kSatisfactionWorld, "{users: 5, items: 40000}");
  CHECK(std::abs(satisfaction.world->schema().items.col(0).mean() - 0.5) <
        4 / std::sqrt(12 * 40000.0));
}
