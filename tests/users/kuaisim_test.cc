#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>

#include "sim/core/normal.h"
#include "sim/core/rng.h"
#include "tests/catch.h"
#include "tests/support/shared_files.h"
#include "users/kuaisim/rules.h"

using namespace rehearsal;
using Json = nlohmann::json;

namespace {

constexpr double kSingle = 1e-6;  // the reference is single precision

/// The reference values; null and a warning where they are not at hand.
Json kuaisim_golden() {
  const std::string file = testing::shared_file("golden/simulators/kuaisim.json");
  if (file.empty()) return nullptr;
  std::ifstream in(file);
  return Json::parse(in);
}

void check_stream(const Json& steps, const kuaisim::Temper& rule) {
  float temper = rule.initial;
  for (const Json& step : steps) {
    INFO(step.dump());
    temper = rule.after(temper, step["mean_reward"]);
    CHECK(temper == Approx(step["temper"].get<double>()).margin(kSingle));
    CHECK(kuaisim::Temper::leaves(temper) == step["leave"].get<bool>());
  }
}

/// P(k of 6 items clicked) and the mean rewards k / 6.
struct SixClicks {
  explicit SixClicks(double p) {
    for (int k = 0; k <= 6; ++k) {
      reward.push_back(static_cast<float>(k) / 6.0f);
      probability.push_back(std::tgamma(7) / std::tgamma(k + 1) / std::tgamma(7 - k) *
                            std::pow(p, k) * std::pow(1 - p, 6 - k));
    }
  }
  std::vector<float> reward;
  std::vector<double> probability;
};

}  // namespace

TEST_CASE("kuaisim: tempers and leaving follow the published streams", "[users][kuaisim]") {
  const Json file = kuaisim_golden();
  if (file.is_null()) return;
  const Json& streams = file["leave_single_response"];
  using kuaisim::TemperRule;
  check_stream(streams["no_clicks_temper10"], {});
  check_stream(streams["all_clicks_temper10"], {});
  check_stream(streams["half_temper20"], {.initial = 20});
  check_stream(streams["half_temper20_discount2"], {TemperRule::kDiscount, 20, 2});
  check_stream(streams["no_clicks_temper20_discount2"], {TemperRule::kDiscount, 20, 2});
}

TEST_CASE("kuaisim: rewards beyond 2 cost no temper, and by steps it falls by 1",
          "[users][kuaisim]") {
  using kuaisim::TemperRule;
  CHECK(kuaisim::Temper{}.after(10, 2.5f) == 10);
  CHECK(kuaisim::Temper{}.after(10, -3) == 8);
  CHECK(kuaisim::Temper{TemperRule::kDiscount}.after(10, -3) == 0);
  CHECK(kuaisim::Temper{TemperRule::kDiscount}.after(10, 3) == 10);
  CHECK(kuaisim::Temper{TemperRule::kStep}.after(10, -3) == 9);
  CHECK(kuaisim::Temper::leaves(0.999f));
  CHECK_FALSE(kuaisim::Temper::leaves(1));
}

TEST_CASE("kuaisim: the law of session lengths has the published means and is that of sessions",
          "[users][kuaisim]") {
  const Json file = kuaisim_golden();
  if (file.is_null()) return;
  const kuaisim::Temper temper{.initial = 20};
  constexpr int kSessions = 20000;
  for (const auto& [key, expected] : file["session_length_temper20_slate6_click_prob"].items()) {
    INFO("click probability " << key);
    const SixClicks clicks(std::stod(key));
    const std::vector<double> law =
        kuaisim::session_length_law(temper, clicks.reward, clicks.probability, 40);
    double mean = 0, square = 0;
    for (std::size_t length = 0; length < law.size(); ++length) {
      mean += static_cast<double>(length) * law[length];
      square += static_cast<double>(length * length) * law[length];
    }
    CHECK(std::accumulate(law.begin(), law.end(), 0.0) == Approx(1).margin(1e-12));
    CHECK(std::abs(mean - expected["mean"].get<double>()) < 4 * expected["se"].get<double>());
    Stream stream = Rng(3).stream(Draw::kAdvance, {}, static_cast<std::uint32_t>(key.back()));
    double sum = 0;
    for (int session = 0; session < kSessions; ++session)
      for (float left = temper.initial; !kuaisim::Temper::leaves(left); ++sum) {
        int n_clicks = 0;
        for (int item = 0; item < 6; ++item) n_clicks += stream.uniform() < std::stod(key) ? 1 : 0;
        left = temper.after(left, static_cast<float>(n_clicks) / 6.0f);
      }
    CHECK(std::abs(sum / kSessions - mean) < 4 * std::sqrt((square - mean * mean) / kSessions));
  }
}

TEST_CASE("kuaisim: return days have the published law", "[users][kuaisim]") {
  const Json file = kuaisim_golden();
  if (file.is_null()) return;
  for (const Json& c : file["retention"]["cases"]) {
    INFO(c.dump());
    const kuaisim::Return rule{c["next_day_return_bias"], c["feedback_influence_on_return"],
                               c["max_return_day"]};
    const std::vector<double> law = rule.day_law(c["personal_bias"], c["mean_reward"]);
    REQUIRE(law.size() == c["prob_day_1_to_n"].size());
    double mean = 0;
    for (std::size_t k = 0; k < law.size(); ++k) {
      CHECK(law[k] == Approx(c["prob_day_1_to_n"][k].get<double>()).margin(kSingle));
      mean += static_cast<double>(k + 1) * law[k];
    }
    CHECK(mean == Approx(c["mean_return_day"].get<double>()).margin(2e-6));
  }
  // What is added up may leave the unit interval; the probability of the next day does not.
  CHECK(kuaisim::Return{}.day_law(5, 0)[0] == Approx(0.999));
  CHECK(kuaisim::Return{.most_days = 2}.day_law(-5, 0)[0] == Approx(0.001 / 0.001999));
}

TEST_CASE("kuaisim: the response link as published and as meant", "[users][kuaisim]") {
  const Json file = kuaisim_golden();
  if (file.is_null()) return;
  const Json& response = file["response_probability"];
  for (std::size_t i = 0; i < response["logit"].size(); ++i) {
    const double logit = response["logit"][i];
    CHECK(kuaisim::link(logit, kuaisim::Link::kDoubleSigmoid) ==
          Approx(response["whole_session_env"][i].get<double>()).margin(kSingle));
    CHECK(kuaisim::link(logit, kuaisim::Link::kSigmoid) ==
          Approx(response["cross_session_env"][i].get<double>()).margin(kSingle));
  }
  CHECK(kuaisim::response_probability(-9, 1, 0.2, kuaisim::Link::kSigmoid) == 0);
  CHECK(kuaisim::response_probability(0, 0.5, 0.2, kuaisim::Link::kSigmoid) == Approx(0.4));
}

TEST_CASE("kuaisim: similarity inside a slate is 1/d for equal items as published, 1 as meant",
          "[users][kuaisim]") {
  const Json file = kuaisim_golden();
  if (file.is_null()) return;
  const Json& published = file["intra_slate_similarity"];
  const std::size_t d = published["enc_dim"];
  const std::size_t n = published["identical_items"].size();
  Stream stream = Rng(4).stream(Draw::kWorld, {});
  RowMatrix random(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(d));
  for (double& value : random.reshaped()) value = normal_quantile(stream.uniform());
  const RowMatrix equal = random.row(0).replicate(static_cast<Eigen::Index>(n), 1);
  std::vector<double> mean(n), cosine(n);
  kuaisim::intra_slate_similarity(equal, kuaisim::Similarity::kMean, mean);
  kuaisim::intra_slate_similarity(equal, kuaisim::Similarity::kCosine, cosine);
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(mean[i] == Approx(published["identical_items"][i].get<double>()).margin(kSingle));
    CHECK(cosine[i] == Approx(1));
  }
  // Unlike items score less, those most like the others the most, whatever their lengths.
  RowMatrix mixed = random;
  mixed.row(1) = 3 * random.row(0) + 0.1 * random.row(1);
  kuaisim::intra_slate_similarity(mixed, kuaisim::Similarity::kMean, mean);
  kuaisim::intra_slate_similarity(mixed, kuaisim::Similarity::kCosine, cosine);
  for (std::size_t i = 0; i < n; ++i) {
    CHECK(mean[i] < 1.0 / static_cast<double>(d));
    CHECK(cosine[i] == Approx(static_cast<double>(d) * mean[i]));
    if (i > 1) CHECK(mean[i] < std::min(mean[0], mean[1]));
  }
}

TEST_CASE("kuaisim: rewards of a slate are the published ones", "[users][kuaisim]") {
  const Json file = kuaisim_golden();
  if (file.is_null()) return;
  const Json& rewards = file["rewards"];
  const std::vector<double> weights = rewards["weights"];
  std::vector<std::uint8_t> responses;
  for (const Json& item : rewards["response"][0])
    for (const double value : item) responses.push_back(value != 0);
  CHECK(kuaisim::immediate_reward(responses, weights) ==
        Approx(rewards["get_immediate_reward"].get<double>()).margin(kSingle));
  CHECK(kuaisim::immediate_reward_sum(responses, weights) ==
        Approx(rewards["get_immediate_reward_sum"].get<double>()).margin(kSingle));
  CHECK(kuaisim::retention_reward(3) ==
        Approx(rewards["get_retention_reward_day3"].get<double>()).margin(kSingle));
  responses[0] = 0;
  CHECK(kuaisim::immediate_reward(responses, weights) == Approx(-0.5 / 3));
  CHECK(kuaisim::immediate_reward_sum(responses, weights) == Approx(-0.5));
}
