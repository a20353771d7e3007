// Walks the tables of worlds and user models: what every behaviour promises in the world of its
// name. A new line in the tables is tested here without a test of its own.
#include <cmath>
#include <map>

#include "policies/policies.h"
#include "sim/engine/simulate.h"
#include "sim/metrics.h"
#include "tests/catch.h"
#include "tests/engine_fixture.h"
#include "tests/site_fixture.h"

using namespace rehearsal;

namespace {

constexpr std::uint32_t kUsers = 200;

/// Keys that a model of users cannot do without on a catalogue's pages of six cells.
const std::map<std::string, std::string> kNeededUsers{
    {"dcm", "lambda: [0.7, 0.6, 0.5, 0.5, 0.5], "},
    {"ubm",
     "gamma: [[1], [0.8, 0.9], [0.6, 0.7, 0.9], [0.5, 0.5, 0.6, 0.8], [0.4, 0.4, 0.5, 0.6, 0.8], "
     "[0.3, 0.3, 0.4, 0.5, 0.6, 0.8]], "},
    {"carousel_page",
     "row_entry: 0.8, visible: 2, swipe_step: 1, swipe: 0.4, mirror: 0.5, no_click: {continue: "
     "0.8, leave_row: 0.15, exit: 0.05}, "}};

/// Users of a type in the world of its name or, without one, on the catalogue, where everything
/// that changes them is switched on.
Site site_of(const std::string& users) {
  const std::string n = std::to_string(kUsers);
  if (worlds().find(users) != nullptr) return Site(users, "{users: " + n + "}");
  const auto needed = kNeededUsers.find(users);
  return Site("catalogue",
              "{users: " + n +
                  ", items: 300, modules: 3, slots: 2, candidates: 4, positions: 3, overlap: 0.9}",
              "{" + (needed == kNeededUsers.end() ? "" : needed->second) +
                  "attraction: {logit: -0.5, freshness: 1, repeat_discount: 0.5, daypart: [-1, 0, "
                  "0, 1]}, after_click: {like: {logit: -1}, share: {logit: -1}, hide: {logit: -2}, "
                  "cart: {logit: 0}, buy: {logit: 0}}, over_time: {drift: 0.3, drift_noise: 0.1, "
                  "topic_fatigue: 0.2, fatigue_load: 1, fatigue_effect: 0.1, budget: 6, "
                  "budget_reward: 0.5, return_satisfaction: 0.5}}",
              users);
}

/// Calls f(world and users of a type, the type).
template <class F>
void for_each_behaviour(F&& f) {
  for (const UserModelEntry& entry : user_models().entries()) {
    INFO(entry.name);
    f(site_of(entry.name), entry.name);
  }
}

std::shared_ptr<Policy> random_policy(const Site& site) {
  const YAML::Node node = YAML::Load("{name: random, type: uniform, ranker: {type: uniform}}");
  return make_policy(node, {"policy", ""}, {site.world->schema(), Rng(1), nullptr, {}});
}

/// Every user plays `rounds` rounds.
template <class Sink>
void play_all(const Site& site, std::uint32_t rounds, std::size_t batch_rounds, Sink&& sink) {
  play(*site.world, *site.users, *random_policy(site), Rng(21), 0, kUsers,
       {std::uint64_t{rounds} * kUsers, kUsers}, 0, batch_rounds, true, sink);
}

/// Everything that was played, one batch behind the other.
struct Everything {
  Played played;
  TruthBatch truth;

  void add(const Played& more, const TruthBatch& beside) {
    append(more.requests, played.requests);
    append(more.pages, played.pages);
    append(more.responses, played.responses);
    append(beside, truth);
  }
  std::string bytes() const {
    return bytes_of(played.requests) + bytes_of(played.pages) + bytes_of(played.responses) +
           bytes_of(truth);
  }
};

/// Sum of what happened less what was expected, whose terms are a martingale's differences.
struct Difference {
  double sum = 0, squares = 0, expected = 0;

  void add(double happened, double mean) {
    sum += happened - mean;
    squares += (happened - mean) * (happened - mean);
    expected += mean;
  }
};

/// One metric's difference over a batch, page by page. Returns: whether it has a closed form.
bool add_metric(const Metric& metric, const Played& played, const ExpectedBatch& expected,
                Difference& difference) {
  std::vector<double> means, rewards;
  if (!slot_expectations(metric, expected, played.pages, means)) return false;
  slot_rewards(metric, played.responses, played.pages, rewards);
  for (std::size_t i = 0; i < played.pages.size(); ++i) {
    double happened = 0, mean = 0;
    for (std::size_t s = played.pages.slot_offsets[i]; s < played.pages.slot_offsets[i + 1]; ++s) {
      happened += rewards[s];
      mean += means[s];
    }
    difference.add(happened, mean);
  }
  return true;
}

}  // namespace

TEST_CASE("conformance: what users do does not depend on who else is in the batch") {
  for_each_behaviour([](const Site& site, const std::string&) {
    Everything few, many;
    play_all(site, 4, 7, [&](Played& p, TruthBatch& t) { few.add(p, t); });
    play_all(site, 4, 1024, [&](Played& p, TruthBatch& t) { many.add(p, t); });
    CHECK(few.played.requests.size() == 4 * kUsers);
    CHECK(few.bytes() == many.bytes());
  });
}

TEST_CASE("conformance: on average users do what their closed forms say") {
  for_each_behaviour([](const Site& site, const std::string&) {
    const std::vector<Metric>& all = metrics().entries();
    std::vector<Difference> difference(all.size());
    std::vector<bool> closed(all.size(), true);
    play_all(site, 20, 1024, [&](Played& p, TruthBatch&) {
      const ExpectedBatch expected = site.users->expected(p.requests, p.pages);
      for (std::size_t m = 0; m < all.size(); ++m)
        closed[m] = closed[m] && add_metric(all[m], p, expected, difference[m]);
    });
    std::size_t n_closed = 0;
    for (std::size_t m = 0; m < all.size(); ++m) {
      if (!closed[m]) continue;
      ++n_closed;
      INFO(all[m].name << ": " << difference[m].sum << " beyond " << difference[m].expected);
      CHECK(difference[m].expected > 0);
      CHECK(std::abs(difference[m].sum) <= 4 * std::sqrt(difference[m].squares) + 1e-9);
    }
    CHECK(n_closed >= 1);
  });
}

TEST_CASE("conformance: users of the same world and seed are the same, of other seeds are not") {
  for_each_behaviour([](const Site& site, const std::string& name) {
    const Site again = site_of(name);
    Everything first, second, other;
    play_all(site, 2, 1024, [&](Played& p, TruthBatch& t) { first.add(p, t); });
    play_all(again, 2, 1024, [&](Played& p, TruthBatch& t) { second.add(p, t); });
    CHECK(first.bytes() == second.bytes());
    play(*site.world, *site.users, *random_policy(site), Rng(22), 0, kUsers, {2 * kUsers, kUsers},
         0, 1024, true, [&](Played& p, TruthBatch& t) { other.add(p, t); });
    CHECK(first.bytes() != other.bytes());
  });
}

TEST_CASE("conformance: the truth does not change what users do, and contexts are numbers") {
  for_each_behaviour([](const Site& site, const std::string&) {
    play_all(site, 3, 1024, [&](Played& p, TruthBatch&) {
      ResponseBatch blind;
      site.users->respond(p.requests, p.pages, Rng(21), blind, nullptr);
      CHECK(bytes_of(blind) == bytes_of(p.responses));
      for (const float value : p.requests.context) REQUIRE(std::isfinite(value));
    });
  });
}
