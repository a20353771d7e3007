#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/catch.h"
#include "tests/support/mean.h"
#include "tests/support/recsim_walks.h"
#include "tests/support/shared_files.h"
#include "users/recsim/interest_exploration.h"

using namespace rehearsal;
using namespace rehearsal::recsim;

namespace {

nlohmann::json golden(const std::string& name) {
  const std::string file = testing::shared_file("golden/simulators/" + name);
  return file.empty() ? nlohmann::json() : nlohmann::json::parse(std::ifstream(file));
}

double mean_absolute(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += std::abs(value);
  return sum / static_cast<double>(values.size());
}

/// Engagement and exposure of users who are shown documents of one clickbait.
struct ConstantClickbait {
  Mean step_engagement, log_engagement, total, log_first, log_last;
  std::map<int, Mean> exposure, satisfied;
};

ConstantClickbait run(double clickbait, std::uint32_t n_users) {
  const LongTermSatisfaction model;
  ConstantClickbait out;
  for (std::uint32_t u = 0; u < n_users; ++u) {
    Stream draws = Rng(4).stream(Draw::kResponse, {UserId{u}, 0, 0});
    double exposure = first_exposure(model, draws.uniform());
    double total = 0, logs = 0;
    for (int t = 0; t <= 60; ++t) {
      const double satisfied = satisfaction(model, exposure);
      out.exposure[t].add(exposure);
      out.satisfied[t].add(satisfied);
      if (t == 60) break;
      const double engaged =
          engagement(log_engagement(model, clickbait, satisfied), normal_from(draws()));
      total += engaged;
      logs += std::log(engaged);
      if (t == 0) out.log_first.add(std::log(engaged));
      if (t == 59) out.log_last.add(std::log(engaged));
      exposure = next_exposure(model, exposure, clickbait, normal_from(draws()));
    }
    out.total.add(total);
    out.step_engagement.add(total / 60);
    out.log_engagement.add(logs / 60);
  }
  return out;
}

}  // namespace

TEST_CASE("interest evolution under a random agent has RecSim's own statistics", "[.slow]") {
  const nlohmann::json file = golden("recsim_interest_evolution.json");
  if (file.is_null()) return;
  const nlohmann::json& theirs = file["random_agent"]["num_candidates=5 slate_size=2"];
  using Walk = testing::EvolutionWalk<5>;
  Walk walk;
  Mean length, time, ctr, quality, start, end;
  for (std::uint32_t u = 0; u < 20000; ++u) {
    const Turn turn{UserId{u}, 0, 0};
    std::vector<double> interests(20);
    std::array<std::uint32_t, 20> first;
    double budget = 0;
    Rng(3).fill(Draw::kPopulation, turn, 0, first);
    walk.start(first.data(), interests, budget);
    start.add(mean_absolute(interests));
    double steps = 0, watched = 0, clicks = 0, qualities = 0;
    std::array<std::uint32_t, 4 * Walk::kBlocks> words;
    for (; budget > 0; ++steps) {
      Rng(3).fill(Draw::kResponse, {UserId{u}, 0, static_cast<std::uint16_t>(steps)}, 0, words);
      const Watched seen = walk.step(words.data(), interests, budget);
      watched += seen.time;
      if (seen.clicked == 2) continue;
      clicks += 1;
      qualities += walk.shown[seen.clicked].quality;
    }
    length.add(steps);
    time.add(watched);
    ctr.add(clicks / steps);
    quality.add(qualities / clicks);
    end.add(mean_absolute(interests));
  }
  check_mean("length", length, theirs["episode_length"]);
  check_mean("watch time", time, theirs["total_watch_time_per_episode"]);
  check_mean("ctr", ctr, theirs["ctr_mean_of_episodes"]);
  check_mean("quality", quality, theirs["mean_quality_of_clicks"]);
  check_mean("interest at the start", start, theirs["mean_abs_interest_start"]);
  check_mean("interest at the end", end, theirs["mean_abs_interest_end"]);
}

TEST_CASE("interest exploration under a random agent has RecSim's own click rates", "[.slow]") {
  const nlohmann::json file = golden("recsim_interest_exploration.json");
  if (file.is_null()) return;
  const nlohmann::json& theirs = file["random_agent"]["num_candidates=10 slate_size=2"];
  const InterestExploration model;
  const ExplorationDocuments documents;
  Mean ctr, first_topic;
  for (std::uint32_t u = 0; u < 50000; ++u) {
    Stream draws = Rng(5).stream(Draw::kResponse, {UserId{u}, 0, 0});
    std::array<double, 2> affinities;
    const double u_type = draws.uniform();
    const std::array z{normal_from(draws()), normal_from(draws())};
    draw_affinities(model, u_type, z, affinities);
    double clicks = 0, first = 0;
    for (int t = 0; t < 20; ++t) {
      // A random slate of fresh documents is two fresh documents.
      std::array<Video, 2> slate;
      std::array<double, 2> scores;
      for (std::size_t k = 0; k < 2; ++k) {
        const std::uint32_t topic_word = draws();
        slate[k] = documents.draw(topic_word, draws());
        scores[k] = exploration_score(affinities, slate[k].topic, slate[k].quality);
      }
      std::array<double, 3> p;
      choice_probabilities(model.choice, scores, p);
      const std::size_t clicked = chosen(p, draws.uniform());
      if (clicked == 2) continue;
      clicks += 1;
      first += slate[clicked].topic == 0;
    }
    ctr.add(clicks / 20);
    first_topic.add(first / 20);
  }
  check_mean("ctr", ctr, theirs["ctr"]);
  check_mean("ctr of topic 0", first_topic, theirs["ctr_topic0"]);
}

TEST_CASE("constant clickbait has RecSim's own engagement, exposure and satisfaction", "[.slow]") {
  const nlohmann::json file = golden("recsim_long_term_satisfaction.json");
  if (file.is_null()) return;
  for (const nlohmann::json& theirs : file["constant_clickbait"]) {
    const double clickbait = theirs["clickbait"];
    const ConstantClickbait ours = run(clickbait, 20000);
    check_mean("engagement", ours.step_engagement, theirs["mean_engagement_per_step"]);
    check_mean("log engagement", ours.log_engagement, theirs["mean_log_engagement"]);
    check_mean("total", ours.total, theirs["total_engagement_per_episode"]);
    check_mean("first", ours.log_first, theirs["mean_log_engagement_step0"]);
    check_mean("last", ours.log_last, theirs["mean_log_engagement_step59"]);
    for (const auto& [step, mean] : theirs["npe_at"].items()) {
      const int t = std::stoi(step);
      check_mean("NPE at " + step, ours.exposure.at(t), mean, theirs["npe_se_at"][step]);
      check_mean("SAT at " + step, ours.satisfied.at(t), theirs["sat_at"][step],
                 theirs["sat_se_at"][step]);
      // The closed form, with the variance of the first exposure carried along.
      const double discount = std::pow(0.7, t);
      const Exposure law = exposure_after({}, 0, clickbait, t);
      const double variance = law.variance + discount * discount / (12 * 0.09);
      CHECK(std::abs(ours.exposure.at(t).value() - law.mean) <= 4 * ours.exposure.at(t).se());
      CHECK(ours.exposure.at(t).variance() == Approx(variance).epsilon(0.06));
    }
    const double sd = std::sqrt(ours.exposure.at(60).variance());
    const double their_sd = theirs["npe_sd_final"];
    CHECK(std::abs(sd - their_sd) < 4 * their_sd * std::sqrt(1 / 2000.0 + 1 / 40000.0));
  }
}

TEST_CASE("long-term satisfaction under a random agent has RecSim's own engagement", "[.slow]") {
  const nlohmann::json file = golden("recsim_long_term_satisfaction.json");
  if (file.is_null()) return;
  const testing::SatisfactionWalk walk;
  Mean engaged;
  for (std::uint32_t u = 0; u < 10000; ++u) {
    double exposure =
        first_exposure(walk.model, Rng(6).stream(Draw::kPopulation, {UserId{u}, 0, 0}).uniform());
    double total = 0;
    std::array<std::uint32_t, 4 * testing::SatisfactionWalk::kBlocks> words;
    for (std::uint16_t t = 0; t < 60; ++t) {
      Rng(6).fill(Draw::kResponse, {UserId{u}, 0, t}, 0, words);
      total += walk.step(words.data(), exposure);
    }
    engaged.add(total / 60);
  }
  check_mean("engagement", engaged, file["random_agent_nc10_k2"]["mean_engagement_per_step"]);
}
