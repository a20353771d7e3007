#include "users/fitting.h"

#include <cmath>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/users/simulated_clicks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

/// Sessions of whole lists from rows of (entity, click).
ClickSessions sessions_of(const std::vector<std::vector<std::pair<int, int>>>& rows) {
  ClickSessions all;
  for (const auto& row : rows) {
    for (std::size_t r = 0; r < row.size(); ++r) {
      all.entity.push_back(static_cast<std::uint32_t>(row[r].first));
      all.rank.push_back(static_cast<std::uint16_t>(r));
      all.click.push_back(static_cast<std::uint8_t>(row[r].second));
      all.n_entities = std::max(all.n_entities, static_cast<std::size_t>(row[r].first) + 1);
      all.n_ranks = std::max(all.n_ranks, r + 1);
    }
    all.offsets.push_back(static_cast<std::uint32_t>(all.entity.size()));
  }
  return all;
}

double likelihood(const ClickFit& fit, const ClickSessions& sessions) {
  return score_clicks(click_predictions(fit, sessions, true), sessions).log_likelihood;
}

std::string error_of(const std::string& model, const ClickSessions& sessions) {
  try {
    fit_clicks(model, sessions);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  FAIL("fitted");
  return "";
}

}  // namespace

TEST_CASE("a cascade's attraction is clicks by impressions down to the click", "[fitting]") {
  // Both entities attract by the same half: no spread to tell them apart.
  const ClickSessions all =
      sessions_of({{{0, 1}, {1, 0}}, {{0, 0}, {1, 1}}, {{1, 1}, {0, 0}}, {{1, 0}, {0, 0}}});
  const ClickFit fit = fit_clicks("cascade", all);
  CHECK(fit.yaml() == "{type: cascade}");
  for (const double a : fit.attraction) CHECK(a == Approx(.5));
}

TEST_CASE("scores are those of the definition", "[fitting]") {
  const ClickSessions all = sessions_of({{{0, 1}, {1, 0}}, {{0, 0}, {1, 0}}});
  const ClickScore score = score_clicks({.5, .2, .25, 0}, all);
  CHECK(score.perplexity_at_rank[0] ==
        Approx(std::exp2(-(std::log2(.5) + std::log2(.75)) / 2)).epsilon(1e-12));
  CHECK(score.perplexity_at_rank[1] == Approx(std::exp2(-std::log2(.8) / 2)).epsilon(1e-6));
  CHECK(score.log_likelihood ==
        Approx((std::log(.5) + std::log(.8) + std::log(.75)) / 4).epsilon(1e-6));
  CHECK(click_rates(all) == std::vector<double>{.5, 0});
}

TEST_CASE("no other parameters explain a simulated log better than the fitted ones", "[fitting]") {
  const std::vector<ClickFit> truths{
      {"pbm", {{"examination", "[1, .6, .4, .3]"}}, {}, {}, {}, 0},
      {"trust_bias", {{"eta", ".8"}}, {}, {}, {}, 0},
      {"ubm", {{"gamma", "[[1], [.7, .8], [.5, .6, .7], [.3, .4, .5, .6]]"}}, {}, {}, {}, 0},
      {"cascade", {}, {}, {}, {}, 0},
      {"tcm", {{"quit", ".2"}}, {}, {}, {}, 0},
      {"dcm", {{"lambda", "[.8, .6, .4]"}}, {}, {}, {}, 0},
      {"dbn", {{"gamma", ".8"}}, {}, {}, {}, 0},
      {"sdbn", {}, {}, {}, {}, 0},
      {"ccm", {{"tau", "[.9, .7, .3]"}}, {}, {}, {}, 0}};
  REQUIRE(truths.size() == fittable_click_models().size());
  for (const ClickFit& truth : truths) {
    INFO(truth.type);
    const bool satisfies = click_models().at(truth.type).uses_satisfaction;
    const SimulatedClicks made = simulate_clicks(truth, 10, 4, 10000, 3, satisfies);
    const ClickFit fit = fit_clicks(truth.type, made.sessions);
    const double best = likelihood(fit, made.sessions);
    CHECK(best >= likelihood(made.truth, made.sessions));
    // The pull to the mean costs next to nothing here.
    for (const double factor : {.97, 1.03}) {
      ClickFit other = fit;
      for (double& a : other.attraction) a = std::min(1.0, a * factor);
      CHECK(likelihood(other, made.sessions) < best);
    }
  }
}

TEST_CASE("entities whose clicks differ by chance alone are worth the same", "[fitting]") {
  ClickSessions all;
  all.n_entities = 50;
  all.n_ranks = 1;
  Stream stream = Rng(4).stream(Draw::kResponse, {});
  for (std::uint32_t i = 0; i < 2000; ++i) {
    all.entity.push_back(i % 50);
    all.rank.push_back(0);
    all.click.push_back(stream.uniform() < .05);
    all.offsets.push_back(i + 1);
  }
  const ClickFit fit = fit_clicks("pbm", all);
  const auto [least, most] = std::minmax_element(fit.attraction.begin(), fit.attraction.end());
  CHECK(*most - *least < .02);
  CHECK(*least > .02);
}

TEST_CASE("what cannot be fitted is refused", "[fitting]") {
  ClickSessions all = sessions_of({{{0, 0}, {1, 0}}});
  CHECK(error_of("pbm", all).find("no clicks") != std::string::npos);
  CHECK(error_of("pmb", all).find("did you mean 'pbm'") != std::string::npos);
  all.click[0] = 1;
  all.whole_lists = false;
  CHECK(error_of("dbn", all).find("pbm and trust_bias") != std::string::npos);
}
