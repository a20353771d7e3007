#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "policies/policies.h"
#include "sim/engine/simulate.h"
#include "tests/catch.h"
#include "tests/site_fixture.h"
#include "tests/support/mean.h"
#include "tests/support/shared_files.h"

using namespace rehearsal;

namespace {

/// What a user's first session came to.
struct Session {
  double pages = 0, clicks = 0, dwell = 0, engagement = 0, first_topic = 0;
  bool over = false;
};

/// Every user's first session under a random policy, played by the engine.
std::vector<Session> first_sessions(const Site& site, std::uint64_t rounds_each) {
  const std::uint32_t n_users = site.world->n_users();
  const YAML::Node node = YAML::Load("{name: random, type: uniform, ranker: {type: uniform}}");
  const std::shared_ptr<Policy> random =
      make_policy(node, {"policy", ""}, {site.world->schema(), Rng(1), nullptr, {}});
  const Arrays& hidden = site.world->parameters();
  std::vector<Session> sessions(n_users);
  play(*site.world, *site.users, *random, Rng(12), 0, n_users, {rounds_each * n_users, n_users}, 0,
       1024, false, [&](Played& played, TruthBatch& truth) {
         for (std::size_t i = 0; i < played.requests.size(); ++i) {
           if (played.requests.session[i] != 0) continue;
           Session& session = sessions[played.requests.user[i]];
           session.pages += 1;
           session.clicks += played.responses.click[i];
           session.over = truth.leave[i] != 0;
           REQUIRE(played.pages.item.size() == 2 * played.requests.size());
           for (std::size_t at = 2 * i; at < 2 * i + 2; ++at) {
             if (!played.responses.dwell.empty()) session.dwell += played.responses.dwell[at];
             if (!played.responses.engagement.empty())
               session.engagement += played.responses.engagement[at];
             if (played.responses.item_click[at] != 0 && hidden.contains("item_topic"))
               session.first_topic +=
                   hidden.at("item_topic").values[played.pages.item[at]] == 0 ? 1 : 0;
           }
         }
       });
  return sessions;
}

nlohmann::json golden(const std::string& name) {
  const std::string file = testing::shared_file("golden/simulators/" + name);
  return file.empty() ? nlohmann::json() : nlohmann::json::parse(std::ifstream(file));
}

}  // namespace

TEST_CASE("interest evolution, played by the engine, has RecSim's own statistics", "[.slow]") {
  const nlohmann::json file = golden("recsim_interest_evolution.json");
  if (file.is_null()) return;
  const nlohmann::json& theirs = file["random_agent"]["num_candidates=5 slate_size=2"];
  const Site site("recsim_interest_evolution", "{users: 3000, items: 200000, candidates: 5}");
  Mean length, time, ctr;
  for (const Session& session : first_sessions(site, 200)) {
    REQUIRE(session.over);
    length.add(session.pages);
    time.add(session.dwell);
    ctr.add(session.clicks / session.pages);
  }
  check_mean("length", length, theirs["episode_length"]);
  check_mean("watch time", time, theirs["total_watch_time_per_episode"]);
  check_mean("ctr", ctr, theirs["ctr_mean_of_episodes"]);
}

TEST_CASE("interest exploration, played by the engine, has RecSim's own click rates", "[.slow]") {
  const nlohmann::json file = golden("recsim_interest_exploration.json");
  if (file.is_null()) return;
  const nlohmann::json& theirs = file["random_agent"]["num_candidates=10 slate_size=2"];
  const Site site("recsim_interest_exploration", "{users: 10000, items: 200000}");
  Mean ctr, first_topic;
  for (const Session& session : first_sessions(site, 20)) {
    REQUIRE(session.pages == 20);
    ctr.add(session.clicks / 20);
    first_topic.add(session.first_topic / 20);
  }
  check_mean("ctr", ctr, theirs["ctr"]);
  check_mean("ctr of topic 0", first_topic, theirs["ctr_topic0"]);
}

TEST_CASE("long-term satisfaction, played by the engine, has RecSim's own engagement", "[.slow]") {
  const nlohmann::json file = golden("recsim_long_term_satisfaction.json");
  if (file.is_null()) return;
  const Site site("recsim_long_term_satisfaction", "{users: 3000, items: 200000}");
  Mean engaged;
  for (const Session& session : first_sessions(site, 60)) {
    REQUIRE(session.over);
    REQUIRE(session.pages == 60);
    engaged.add(session.engagement / 60);
  }
  check_mean("engagement", engaged, file["random_agent_nc10_k2"]["mean_engagement_per_step"]);
}
