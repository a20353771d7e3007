#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/support/shared_files.h"
#include "users/recsim/choice_models.h"
#include "users/recsim/interest_evolution.h"
#include "users/recsim/interest_exploration.h"
#include "users/recsim/long_term_satisfaction.h"

using namespace rehearsal;
using namespace rehearsal::recsim;

namespace {

/// Null where the reference values are not there.
nlohmann::json golden(const std::string& name) {
  const std::string file = testing::shared_file("golden/simulators/" + name);
  return file.empty() ? nlohmann::json() : nlohmann::json::parse(std::ifstream(file));
}

std::vector<double> probabilities(const ChoiceModel& model, const std::vector<double>& scores) {
  std::vector<double> out(scores.size() + 1);
  choice_probabilities(model, scores, out);
  return out;
}

/// The message of the refusal, "" if there was none.
std::string message_of(const ChoiceModel& model, const std::vector<double>& scores) {
  try {
    probabilities(model, scores);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Choice named(const std::string& name) {
  if (name == "MultinomialLogit") return Choice::kMultinomialLogit;
  if (name == "MultinomialProportional") return Choice::kMultinomialProportional;
  return name == "ExponentialCascade" ? Choice::kExponentialCascade : Choice::kProportionalCascade;
}

}  // namespace

TEST_CASE("the choice models give RecSim's own probabilities to 1e-9") {
  const nlohmann::json file = golden("recsim_choice_models.json");
  if (file.is_null()) return;
  REQUIRE(file["cases"].size() >= 40);
  for (const nlohmann::json& entry : file["cases"]) {
    ChoiceModel model;
    model.choice = named(entry["model"]);
    model.no_click_mass = entry.value("no_click_mass", 0.0);
    model.min_normalizer = entry.value("min_normalizer", 0.0);
    model.attention = entry.value("attention_prob", 1.0);
    model.score_scaling = entry.value("score_scaling", 1.0);
    const std::vector<double> expected = entry["probs"];
    const std::vector<double> seen = probabilities(model, entry["scores"]);
    INFO(entry.dump());
    REQUIRE(seen.size() == expected.size());
    for (std::size_t i = 0; i < seen.size(); ++i) CHECK(std::abs(seen[i] - expected[i]) < 1e-9);
  }
}

TEST_CASE("choice probabilities by hand: logit, shifted proportional, cascades of both forms") {
  const double inf = std::numeric_limits<double>::infinity();
  const ChoiceModel logit{Choice::kMultinomialLogit, -inf, 0, 1, 1, false};
  CHECK(probabilities(logit, {0, std::log(3.0)})[1] == Approx(0.75));
  CHECK(probabilities(logit, {900, 900})[0] == Approx(0.5));  // no overflow
  CHECK(probabilities(logit, {})[0] == 1);
  // The mass of no click is shifted, too: 2 : 1 : 1 + 3.
  const ChoiceModel shifted{Choice::kMultinomialProportional, 1, -3, 1, 1, false};
  CHECK(probabilities(shifted, {-1, -2})[0] == Approx(2.0 / 7));
  CHECK(probabilities(shifted, {-1, -2})[2] == Approx(4.0 / 7));
  // The published cascade has one attention for every rank; its comments have attention^rank.
  ChoiceModel cascade{Choice::kProportionalCascade, 0, 0, 0.5, 1, false};
  CHECK(probabilities(cascade, {0.4, 0.4})[1] == Approx(0.8 * 0.2));
  cascade.attention_decays = true;
  CHECK(probabilities(cascade, {0.4, 0.4})[0] == Approx(0.2));
  CHECK(probabilities(cascade, {0.4, 0.4})[1] == Approx(0.8 * 0.1));
  CHECK(probabilities(cascade, {0.4, 0.4})[2] == Approx(0.8 * 0.9));
}

TEST_CASE("choice probabilities sum to one and the sampler inverts them") {
  const std::vector<double> scores{0.2, -0.4, 0.9, 0.1};
  for (const Choice choice : {Choice::kMultinomialLogit, Choice::kMultinomialProportional,
                              Choice::kExponentialCascade, Choice::kProportionalCascade}) {
    const std::vector<double> p = probabilities({choice, 0.5, -1, 0.8, 0.3, false}, scores);
    double below = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
      CHECK(chosen(p, below + 1e-9) == i);
      CHECK(chosen(p, below + p[i] - 1e-9) == i);
      below += p[i];
    }
    CHECK(below == Approx(1));
  }
  // An item of no weight is never chosen.
  CHECK(chosen(std::vector<double>{0, 0.5, 0.5}, 0) == 1);
}

TEST_CASE("choice models refuse what the published code asserts") {
  using Catch::Matchers::Contains;
  const ChoiceModel proportional{Choice::kMultinomialProportional, 0, -1, 1, 1, false};
  CHECK_THAT(message_of(proportional, {0, -1.5}), Contains("-1.5") && Contains("min_normalizer"));
  CHECK(message_of(proportional, {0, -1}).empty());
  CHECK_THAT(message_of({Choice::kMultinomialProportional, -2, -1, 1, 1, false}, {0}),
             Contains("no_click_mass -2"));
  CHECK_THAT(message_of({Choice::kMultinomialProportional, -1, -1, 1, 1, false}, {-1}),
             Contains("above min_normalizer"));
  CHECK_THAT(message_of({Choice::kProportionalCascade, 0, -1, 1, 0.5, false}, {1.1}),
             Contains("score_scaling"));
  CHECK_THAT(message_of({Choice::kExponentialCascade, 0, 0, 0.1, 0.5, false}, {0.7}),
             Contains("score_scaling"));
  CHECK_THAT(message_of({Choice::kProportionalCascade, 0, 0, 1, 0.5, false}, {-0.1}),
             Contains("min_normalizer"));
  CHECK_THAT(message_of({Choice::kMultinomialProportional, 0, -1, 1, 1, false}, {NAN}),
             Contains("min_normalizer"));
}

TEST_CASE("the score of a chosen item alone: s - n, or its probability in a list of its own") {
  CHECK(lone_score({Choice::kMultinomialProportional, 1, -1, 1, 1, false}, 0.3) == Approx(1.3));
  CHECK(lone_score({Choice::kMultinomialLogit, 0, 0, 1, 1, false}, 2) == Approx(0.880797077978));
  CHECK(lone_score({Choice::kExponentialCascade, 0, 0, 0.9, 0.05, false}, 2) ==
        Approx(0.332507524452));
}

TEST_CASE("interest evolution updates interests and budget as RecSim does to 1e-9") {
  const nlohmann::json file = golden("recsim_interest_evolution.json");
  if (file.is_null()) return;
  const InterestEvolution model;
  const nlohmann::json& defaults = file["defaults"];
  CHECK(std::abs(model.user_update_alpha - defaults["user_update_alpha"].get<double>()) < 1e-15);
  const std::vector<double> means = defaults["cluster_means"];
  const std::vector<double> ours = evolution_topic_quality(20);
  REQUIRE(ours.size() == means.size());
  for (std::size_t k = 0; k < 20; ++k) CHECK(std::abs(ours[k] - means[k]) < 1e-12);
  REQUIRE(file["update_cases"].size() >= 6);
  for (const nlohmann::json& entry : file["update_cases"]) {
    INFO(entry.dump());
    const double uniform = entry["uniform_draw"];
    std::vector<double> interests(20, entry["interest_before"].get<double>());
    double budget = entry["budget_before"];
    const Video video{entry["clicked_topic"], entry["quality"]};
    // With one item and a choice number of 0 the item is clicked, unless its weight is 0.
    const Watched watched = step(model, {&video, 1}, 4, 0, uniform, interests, budget);
    CHECK(watched.clicked == 0);
    CHECK(std::abs(watched.time - entry["watch_time"].get<double>()) < 1e-9);
    CHECK(std::abs(interests[video.topic] - entry["interest_after"].get<double>()) < 1e-9);
    CHECK(std::abs(budget - entry["budget_after"].get<double>()) < 1e-9);
    for (std::size_t k = 0; k < 20; ++k)
      if (k != video.topic) CHECK(interests[k] == entry["interest_before"].get<double>());
    // The dense form agrees on a one-hot document.
    std::vector<double> dense(20, entry["interest_before"].get<double>());
    std::vector<double> features(20);
    features[video.topic] = 1;
    const double p = evolve_interests(model, features, uniform, dense);
    CHECK(std::abs(p - entry["p_positive_update"].get<double>()) < 1e-9);
    for (std::size_t k = 0; k < 20; ++k) CHECK(std::abs(dense[k] - interests[k]) < 1e-15);
  }
  const nlohmann::json& none = file["no_click_budget"];
  CHECK(std::abs(budget_after_no_click(model, none["before"]) - none["after"].get<double>()) <
        1e-9);
}

TEST_CASE("interest evolution moves every interest of a document with many features") {
  const nlohmann::json file = golden("recsim_interest_evolution.json");
  if (file.is_null()) return;
  const nlohmann::json& entry = file["dense_update"];
  std::vector<double> interests = entry["interest_before"];
  const std::vector<double> features = entry["doc_features"], after = entry["interest_after"];
  const double p = evolve_interests({}, features, entry["uniform_draw"], interests);
  CHECK(std::abs(p - entry["p_positive_update"].get<double>()) < 1e-9);
  for (std::size_t k = 0; k < after.size(); ++k) CHECK(std::abs(interests[k] - after[k]) < 1e-9);
}

TEST_CASE("an update away from the document is clipped, and the budget ends what is watched") {
  // x = -0.9: alpha = 0.03, delta = 0.057.
  CHECK(evolved_interest({}, -0.9, 0.5) == Approx(-0.957));
  CHECK(evolved_interest({}, -1, 0.5) == -1);
  InterestEvolution model;
  model.alpha_y_intercept = 2;
  CHECK(evolved_interest(model, 0, 0.6) == -1);
  CHECK(evolved_interest(model, 0, 0.4) == 1);
  CHECK(watch_time(3, 4) == 3);
  CHECK(watch_time(5, 4) == 4);
  // A quality of 3.4 / 0.9 gives back what was watched.
  CHECK(budget_after_click({}, 100, 4, 0, 3.4 / 0.9) == Approx(100));
  model.user_quality_factor = 2;
  CHECK(budget_after_click(model, 100, 4, 1.5, 0) == Approx(96 + 0.9 / 3.4 * 4 * 3));
}

TEST_CASE("the user quality factor takes the score from before the interest moves") {
  InterestEvolution model;
  model.user_quality_factor = 1;
  model.document_quality_factor = 0;
  std::vector<double> interests{0.5};
  double budget = 10;
  const Video video{0, 0};
  step(model, {&video, 1}, 4, 0, 0, interests, budget);
  CHECK(interests[0] == Approx(0.5 + 0.15 * 0.5));
  CHECK(budget == Approx(6 + 0.9 / 3.4 * 4 * 1.5));
}

TEST_CASE("interest exploration draws a type by its share and affinities around its means") {
  const InterestExploration model;
  std::array<double, 2> affinities;
  CHECK(draw_affinities(model, 0.29, std::array{0.0, 1.0}, affinities) == 0);
  CHECK(affinities[0] == Approx(std::exp(0.1)));
  CHECK(affinities[1] == Approx(std::exp(0.8)));
  CHECK(draw_affinities(model, 0.31, std::array{-1.0, 0.0}, affinities) == 1);
  CHECK(affinities[0] == Approx(std::exp(0.6)));
  CHECK(exploration_score(affinities, 1, 2) == Approx(2 + std::exp(0.1)));
}

TEST_CASE("long-term satisfaction: engagement, exposure and satisfaction by their formulas") {
  const LongTermSatisfaction model;
  CHECK(first_exposure(model, 0.75) == Approx(0.25 / 0.3));
  CHECK(satisfaction(model, 0) == 0.5);
  CHECK(satisfaction(model, 100) == Approx(1 / (1 + std::exp(-1.0))));
  CHECK(next_exposure(model, 2, 1, 0) == Approx(0.4));
  CHECK(next_exposure(model, 2, 0, 1) == Approx(2.45));
  const LogEngagement law = log_engagement(model, 0.25, 0.5);
  CHECK(law.mean == Approx(0.5 * 4.25));
  CHECK(law.stddev == 1);
  CHECK(engagement(law, 2) == Approx(std::exp(4.125)));
  CHECK(expected_engagement(law) == Approx(std::exp(2.625)));
}

TEST_CASE("long-term satisfaction as its docstring has it: means of engagement, the other sign") {
  LongTermSatisfaction model;
  model.means_of_engagement = true;
  CHECK(expected_engagement(log_engagement(model, 1, 0.5)) == Approx(2.5));
  model.clickbait_raises = true;
  CHECK(next_exposure(model, 0, 1, 0) == 1);
}

TEST_CASE("the exposure after some steps is what the steps give") {
  const LongTermSatisfaction model;
  double mean = 1.2, variance = 0;
  for (int t = 0; t <= 10; ++t) {
    const Exposure after = exposure_after(model, 1.2, 0.8, t);
    CHECK(after.mean == Approx(mean));
    CHECK(after.variance == Approx(variance).margin(1e-15));
    mean = next_exposure(model, mean, 0.8, 0);
    variance = 0.49 * variance + 0.0025;
  }
  CHECK(exposure_after(model, 0, 0, 1000).mean == Approx(1 / 0.3));
  CHECK(std::sqrt(exposure_after(model, 0, 0, 1000).variance) == Approx(0.05 / std::sqrt(0.51)));
}
