#include "users/over_time.h"

#include <cmath>
#include <vector>

#include "tests/catch.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kFactors = 2, kTopics = 3;

std::vector<double> started(const OverTime& rules) {
  std::vector<double> state(rules.n_state());
  rules.start(state);
  return state;
}

/// A page on which topics 1, 1 and 2 were clicked; one click satisfied.
struct Clicks {
  std::vector<double> consumed{1, -1};
  std::vector<std::uint32_t> topics{1, 1, 2};
  PageImpact impact() const { return {consumed, topics, 1, 10}; }
};

}  // namespace

TEST_CASE("taste drifts towards what was clicked, topics tire, and a new session forgets both",
          "[over_time]") {
  OverTimeConfig config;
  config.drift = 0.25;
  config.topic_fatigue = 0.5;
  config.leave = 0;
  const OverTime rules(config, kFactors, kTopics);
  std::vector<double> state = started(rules);
  const std::vector<float> taste{0.2F, 0.6F};
  const Clicks clicks;
  Stream stream = Rng(1).stream(Draw::kAdvance, {UserId{1}});
  CHECK(rules.advance(state, taste, clicks.impact(), stream) == 0);
  CHECK(rules.drift(state.data())[0] == Approx(0.25 * (1 - 0.2)));
  CHECK(rules.drift(state.data())[1] == Approx(0.25 * (-1 - 0.6)));
  CHECK(rules.topic_factor(state.data(), 0) == 1);
  CHECK(rules.topic_factor(state.data(), 1) == Approx(std::exp(-1.0)));
  CHECK(rules.topic_factor(state.data(), 2) == Approx(std::exp(-0.5)));
  config.leave = 1;
  const OverTime leaving(config, kFactors, kTopics);
  CHECK(leaving.advance(state, taste, {}, stream) > 0);
  CHECK(leaving.drift(state.data())[0] == 0);
  CHECK(leaving.topic_factor(state.data(), 1) == 1);
}

TEST_CASE("a budget ends the session when it is spent, and satisfied clicks give some back",
          "[over_time]") {
  OverTimeConfig config;
  config.budget = 10;
  config.leave = 0;
  for (const auto& [reward, pages] : {std::pair{0.0, 10}, {0.5, 19}}) {
    config.budget_reward = reward;
    const OverTime rules(config, kFactors, kTopics);
    std::vector<double> state = started(rules);
    const Clicks clicks;
    const std::vector<float> taste{0, 0};
    int n = 0;
    for (std::uint16_t gap = 0; gap == 0; ++n) {
      Stream stream = Rng(1).stream(Draw::kAdvance, {UserId{1}, 0, static_cast<uint16_t>(n)});
      gap = rules.advance(state, taste, clicks.impact(), stream);
    }
    CHECK(n == pages);  // the first page after which less than 1 is left
  }
}

TEST_CASE("fatigue and satisfaction follow their recursions", "[over_time]") {
  OverTimeConfig config;
  config.fatigue_keep = 0.5;
  config.fatigue_load = 1;
  config.fatigue_effect = 0.2;
  config.satisfaction_memory = 0.25;
  config.item_cost = 0.05;
  config.leave = 0;
  OverTime rules(config, kFactors, kTopics);
  std::vector<double> state = started(rules);
  const Clicks clicks;
  const std::vector<float> taste{0, 0};
  Stream stream = Rng(1).stream(Draw::kAdvance, {UserId{1}});
  rules.advance(state, taste, clicks.impact(), stream);
  rules.advance(state, taste, clicks.impact(), stream);
  CHECK(rules.fatigue_logit(state.data()) == Approx(-0.2 * 1.5));
  config.leave = 1;
  OverTime(config, kFactors, kTopics).advance(state, taste, clicks.impact(), stream);
  // Three pages of one satisfied click and ten items each.
  CHECK(rules.satisfaction(state.data()) == Approx(0.25 * 3 * (1 - 0.5)));
}

TEST_CASE("days to the next session are geometric, and who stays away for too long is gone",
          "[over_time]") {
  OverTimeConfig config;
  config.leave = 1;
  config.return_logit = std::log(0.1 / 0.9);
  config.churn_days = 30;
  const OverTime rules(config, kFactors, kTopics);
  const std::vector<float> taste{0, 0};
  constexpr std::uint32_t kUsers = 200000;
  double n_back = 0, sum = 0, squares = 0;
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    std::vector<double> state = started(rules);
    Stream stream = Rng(3).stream(Draw::kAdvance, {UserId{u}});
    const std::uint16_t gap = rules.advance(state, taste, {}, stream);
    if (gap == kNeverReturns) continue;
    n_back += 1;
    sum += gap;
    squares += static_cast<double>(gap) * gap;
  }
  const double churn = rules.churn_probability(0.1);
  CHECK(churn == Approx(std::pow(0.9, 30)));
  CHECK(std::abs(1 - n_back / kUsers - churn) < 4 * std::sqrt(churn * (1 - churn) / kUsers));
  // E[gap | gap <= 30] of a geometric distribution: (1/p - (1/p + 30) churn) / (1 - churn).
  const double mean = (10 - (10 + 30) * churn) / (1 - churn);
  const double error = std::sqrt((squares / n_back - sum / n_back * sum / n_back) / n_back);
  CHECK(std::abs(sum / n_back - mean) < 4 * error);
}

TEST_CASE("with constant odds of coming back a user has 1 / churn sessions on average",
          "[over_time]") {
  OverTimeConfig config;
  config.leave = 1;
  config.churn_days = 3;
  config.return_logit = 0;
  const OverTime rules(config, kFactors, kTopics);
  const double churn = rules.churn_probability(0.5);
  const std::vector<float> taste{0, 0};
  constexpr std::uint32_t kUsers = 50000;
  double sum = 0, squares = 0;
  for (std::uint32_t u = 0; u < kUsers; ++u) {
    std::vector<double> state = started(rules);
    double sessions = 1;
    for (std::uint16_t s = 0;; ++s, sessions += 1) {
      Stream stream = Rng(5).stream(Draw::kAdvance, {UserId{u}, s});
      if (rules.advance(state, taste, {}, stream) == kNeverReturns) break;
    }
    sum += sessions;
    squares += sessions * sessions;
  }
  const double mean = sum / kUsers;
  CHECK(std::abs(mean - 1 / churn) < 4 * std::sqrt((squares / kUsers - mean * mean) / kUsers));
}
