#include <cmath>
#include <set>

#include "sim/truth.h"
#include "sim/world/media_names.h"
#include "tests/catch.h"
#include "tests/engine_fixture.h"
#include "tests/site_fixture.h"

using namespace rehearsal;

namespace {

constexpr const char* kSmall = "{users: 60, items: 100, artists: 20}";

/// Visits of users 0 ... n - 1 on these days.
std::vector<Turn> visits(std::uint32_t n, const std::vector<std::uint16_t>& days,
                         std::uint16_t first_session = 0) {
  std::vector<Turn> turns;
  for (std::uint32_t u = 0; u < n; ++u)
    for (std::size_t s = 0; s < days.size(); ++s)
      turns.push_back({UserId{u}, static_cast<std::uint16_t>(first_session + s), 0, days[s]});
  return turns;
}

RequestBatch requests_of(const World& world, const std::vector<Turn>& turns) {
  RequestBatch out;
  world.requests(turns, Rng(5), out);
  return out;
}

}  // namespace

TEST_CASE("media: domains of one seed have the same users and items", "[media]") {
  const Site video("media_video", kSmall);
  for (const char* type : {"media_homepage", "media_radio"}) {
    const Site other(type, kSmall);
    for (const char* name : {media::kUsers, media::kItems, media::kQuality, media::kArtist})
      CHECK(other.world->parameters().at(name).values == video.world->parameters().at(name).values);
    for (const char* feature : {"user_0", "user_1", "user_2"}) {
      const std::size_t f = video.world->schema().feature_index(feature);
      CHECK(other.world->schema().feature_index(feature) == f);
      const RequestBatch here = requests_of(*other.world, visits(60, {0}));
      const RequestBatch there = requests_of(*video.world, visits(60, {3}));
      for (std::size_t i = 0; i < 60; ++i) CHECK(here.features(i)[f] == there.features(i)[f]);
    }
    const RowMatrixF& items = other.world->schema().items;
    CHECK(items.rightCols(3) == video.world->schema().items.rightCols(3));
  }
}

TEST_CASE("media: each domain has features that the others lack", "[media]") {
  const auto names = [](const char* type) {
    const Site site(type, kSmall);
    std::set<std::string> out(site.world->schema().candidate_features.begin(),
                              site.world->schema().candidate_features.end());
    for (const Feature& feature : site.world->schema().features) out.insert(feature.name);
    return out;
  };
  const std::set<std::string> users{"user_0", "user_1", "user_2"};
  auto video = users, homepage = users;
  video.insert({"visit_0", "visit_1", "visit_2", "visit_3"});
  homepage.insert("times_played");
  auto radio = homepage;
  radio.insert("mood");
  CHECK(names("media_video") == video);
  CHECK(names("media_homepage") == homepage);
  CHECK(names("media_radio") == radio);
}

TEST_CASE("media: a page retrieves no item twice and no release before its day", "[media]") {
  const Site site("media_homepage", "{users: 60, items: 100, artists: 20, days: 20}");
  const RequestBatch requests = requests_of(*site.world, visits(60, {0, 15, 18, 19, 30}));
  const std::vector<double>& release = site.world->parameters().at(media::kRelease).values;
  CHECK(release[89] == 0);
  CHECK(release[90] == 18);
  CHECK(release[99] == 19);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const std::size_t first = requests.candidate_offsets[requests.module_offsets[i]];
    const std::size_t last = requests.candidate_offsets[requests.module_offsets[i + 1]];
    const std::set<std::uint32_t> distinct(requests.candidate.begin() + std::ptrdiff_t(first),
                                           requests.candidate.begin() + std::ptrdiff_t(last));
    CHECK(distinct.size() == 48);
    for (const std::uint32_t item : distinct) CHECK(release[item] <= requests.day[i]);
  }
}

TEST_CASE("media: once all are out, releases are the share of the candidates that was asked for",
          "[media]") {
  const Site site("media_radio", "{users: 400, items: 1000, new_candidates: 0.05}");
  const RequestBatch requests = requests_of(*site.world, visits(400, {14, 15, 16, 17, 18}));
  double n_new = 0;
  for (const std::uint32_t item : requests.candidate) n_new += item >= 900 ? 1 : 0;
  const auto n = static_cast<double>(requests.candidate.size());
  CHECK(n == 20000);
  // 4 standard errors of a share of 0.05.
  CHECK(std::abs(n_new / n - 0.05) < 4 * std::sqrt(0.05 * 0.95 / n));
}

TEST_CASE("media: live visits come after the log's days", "[media]") {
  const Site site("media_homepage", "{users: 60, items: 100, days: 40, visit_days: 8}");
  const RequestBatch log = requests_of(*site.world, visits(60, {0, 8, 16, 24, 32}));
  std::set<std::uint16_t> days(log.day.begin(), log.day.end());
  CHECK(*days.begin() == 0);
  CHECK(*days.rbegin() == 39);
  const RequestBatch live = requests_of(*site.world, visits(60, {0, 8}, kLiveSession));
  for (std::size_t i = 0; i < live.size(); ++i)
    CHECK(live.day[i] == log.day[i / 2 * 5] + 40 + 8 * (i % 2));
}

TEST_CASE("media: a session has one mood, of which requests show a part", "[media]") {
  const Site site("media_radio", "{users: 2000, items: 100, mood_signal: 0.8}");
  std::vector<Turn> turns;
  for (std::uint32_t u = 0; u < 2000; ++u)
    for (std::uint16_t r = 0; r < 2; ++r) turns.push_back({UserId{u}, 7, r, 0});
  const RequestBatch requests = requests_of(*site.world, turns);
  const std::size_t f = site.world->schema().feature_index("mood");
  double product = 0;
  for (Eigen::Index i = 0; i < 4000; i += 2) {
    CHECK(requests.latents->request(i, 0) == requests.latents->request(i + 1, 0));
    product += double{requests.latents->request(i, 0)} *
               double{requests.features(static_cast<std::size_t>(i))[f]};
  }
  // A product of two standard normals of correlation r has variance 1 + r^2.
  CHECK(std::abs(product / 2000 - 0.8) < 4 * std::sqrt((1 + 0.64) / 2000));
}

TEST_CASE("media: a world refuses what it cannot be", "[media]") {
  for (const char* bad : {"{slots: 3}", "{positions: 11}", "{observed: 8}", "{candidates: 600}",
                          "{visit_days: 8}", "{artists: 0}"}) {
    INFO(bad);
    CHECK_THROWS_AS(Site("media_video", bad), Error);
  }
}
