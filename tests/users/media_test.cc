#include <cmath>

#include "sim/truth.h"
#include "sim/world/media_names.h"
#include "tests/catch.h"
#include "tests/engine_fixture.h"
#include "tests/site_fixture.h"

using namespace rehearsal;

namespace {

constexpr const char* kSmall = "{users: 60, items: 100, artists: 20, new_items: 0.1}";

double logit(double p) { return std::log(p / (1 - p)); }

/// A page of two shelves of two items for every round.
PageBatch shelves(std::size_t n_rounds, const std::vector<std::uint16_t>& modules,
                  const std::vector<std::uint32_t>& items) {
  PageBatch pages;
  for (std::size_t i = 0; i < n_rounds; ++i) {
    for (std::size_t m = 0; m < modules.size(); ++m) {
      pages.module.push_back(modules[m]);
      pages.item.insert(pages.item.end(), {items[2 * m], items[2 * m + 1]});
      pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
    }
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
  }
  return pages;
}

/// What is expected of one page, the user's plays as given.
ExpectedBatch expected_of(const Site& site, const Turn& turn, double plays, const PageBatch& page) {
  const auto n = static_cast<Eigen::Index>(site.users->n_state());
  return site.users->expected(site.requests({turn}, RowMatrix::Constant(1, n, plays)), page);
}

/// Happened less expected in units of the standard error.
struct MediaDeviation {
  double sum = 0, squares = 0;
  void add(double difference) {
    sum += difference;
    squares += difference * difference;
  }
  double in_errors() const { return sum / std::sqrt(squares); }
};

}  // namespace

TEST_CASE("media: a place further down or to the right loses the logits that it says", "[media]") {
  const Site site("media_homepage", kSmall, "{row_effect: 0.7, position_effect: 0.2}");
  const Turn turn{UserId{3}, 0, 0, 0};
  const auto click = [&](const PageBatch& page, std::size_t at) {
    return logit(expected_of(site, turn, 0, page).item_click[at]);
  };
  const PageBatch page = shelves(1, {2, 4}, {10, 11, 12, 13});
  CHECK(click(page, 0) - click(shelves(1, {4, 2}, {12, 13, 10, 11}), 2) == Approx(0.7));
  CHECK(click(page, 0) - click(shelves(1, {2, 4}, {11, 10, 12, 13}), 1) == Approx(0.2));
}

TEST_CASE("media: repeat play moves clicks and seconds by the log of the plays", "[media]") {
  const Site site("media_homepage", kSmall, "{repeat_effect: 0.9, seconds_repeat: 0.5}");
  const PageBatch page = shelves(1, {0, 1}, {10, 11, 12, 13});
  const Turn turn{UserId{3}, 0, 0, 0};
  const ExpectedBatch never = expected_of(site, turn, 0, page);
  const ExpectedBatch thrice = expected_of(site, turn, 3, page);
  for (std::size_t at = 0; at < 4; ++at) {
    CHECK(logit(thrice.item_click[at]) - logit(never.item_click[at]) ==
          Approx(0.9 * std::log(4.0)));
    // Seconds are far above 0 here: their mean is that of a log-normal number, less 1.
    const auto seconds = [&](const ExpectedBatch& e) { return e.dwell[at] / e.item_click[at] + 1; };
    CHECK(std::log(seconds(thrice) / seconds(never)) == Approx(0.5 * std::log(4.0)).margin(1e-4));
    CHECK(never.discovery[at] > 0);
    CHECK(thrice.discovery[at] == 0);
  }
}

TEST_CASE("media: a release is new from its day on, for so many days", "[media]") {
  const Site site("media_homepage",
                  "{users: 60, items: 100, new_items: 0.1, days: 20, visit_days: 1, new_days: 5}");
  const PageBatch page = shelves(1, {0, 1}, {90, 99, 12, 13});
  const auto fresh = [&](std::uint16_t day) {
    const ExpectedBatch e = expected_of(site, {UserId{3}, 0, 0, day}, 0, page);
    CHECK(e.new_release[2] == 0);
    if (e.new_release[0] > 0) CHECK(e.new_release[0] == e.item_click[0]);
    return std::pair(e.new_release[0] > 0, e.new_release[1] > 0);
  };
  CHECK(fresh(17) == std::pair(false, false));
  CHECK(fresh(18) == std::pair(true, false));
  CHECK(fresh(22) == std::pair(true, true));
  CHECK(fresh(23) == std::pair(false, true));
  CHECK(fresh(24) == std::pair(false, false));
}

TEST_CASE("media: tastes and qualities of two domains correlate as the drift says", "[media]") {
  const std::string world = "{users: 100, items: 400, dimensions: 20}";
  const Site video("media_video", world, "{visit_effect: 0}");
  const double drift = GENERATE(0.0, 0.8, 1.0);
  const Site radio("media_radio", world,
                   "{drift: " + std::to_string(drift) + ", mood_effect: 0, repeat_effect: 0}");
  std::vector<std::uint32_t> items(400);
  for (std::uint32_t v = 0; v < 400; ++v) items[v] = v;
  double xx = 0, yy = 0, xy = 0;
  for (std::uint32_t u = 0; u < 100; ++u) {
    const Turn turn{UserId{u}, 0, 0, 0};
    const ExpectedBatch there = expected_of(video, turn, 0, lists_of(1, items));
    const ExpectedBatch here = expected_of(radio, turn, 0, lists_of(1, items));
    for (std::size_t v = 0; v < 400; ++v) {
      const double x = logit(there.item_click[v]) + 1.2;
      const double y = logit(here.item_click[v]);
      xx += x * x;
      yy += y * y;
      xy += x * y;
    }
  }
  // About 400 independent entries of the preferences and 400 qualities make it.
  CHECK(std::abs(xy / std::sqrt(xx * yy) - drift) <=
        4 * (1 - drift * drift) / std::sqrt(400.0) + 1e-9);
}

TEST_CASE("media: an item gets what its closed forms say, response by response", "[media]") {
  // Few seconds and much noise: the censored part of the law counts.
  const std::string type = GENERATE("media_video", "media_homepage", "media_radio");
  const Site site(type, kSmall, "{seconds: 0.5, seconds_noise: 1.5}");
  const std::size_t n_modules = site.world->schema().n_modules();
  std::vector<Turn> turns;
  for (std::uint16_t s = 0; s < 20000; ++s) turns.push_back({UserId{7}, s, 0, 15});
  RowMatrix state = RowMatrix::Zero(20000, static_cast<Eigen::Index>(site.users->n_state()));
  const RequestBatch requests = site.requests(turns, state);
  const PageBatch pages =
      n_modules > 1 ? shelves(20000, {2, 4}, {10, 99, 12, 13}) : lists_of(20000, {10, 99, 12, 13});
  ResponseBatch responses;
  site.users->respond(requests, pages, Rng(31), responses, nullptr);
  const ExpectedBatch expected = site.users->expected(requests, pages);
  std::size_t n_columns = 0;
  const auto check = [&](const char* name, const auto& happened, const std::vector<double>& mean) {
    REQUIRE(happened.size() == mean.size());
    if (mean.empty()) return;
    ++n_columns;
    std::array<MediaDeviation, 4> deviation;
    for (std::size_t j = 0; j < mean.size(); ++j)
      deviation[j % 4].add(static_cast<double>(happened[j]) - mean[j]);
    for (std::size_t at = 0; at < 4; ++at) {
      INFO(type << " " << name << " of item " << at);
      if (deviation[at].squares > 0) CHECK(std::abs(deviation[at].in_errors()) < 4);
    }
  };
  check("click", responses.item_click, expected.item_click);
  check("continued", responses.continued, expected.continued);
  check("dwell", responses.dwell, expected.dwell);
  check("engagement", responses.engagement, expected.engagement);
  check("discovery", responses.discovery, expected.discovery);
  check("new_release", responses.new_release, expected.new_release);
  CHECK(n_columns == (type == "media_video" ? 5 : 6));
}

TEST_CASE("media: artists were played before as often as Poisson's law says", "[media]") {
  const Site site("media_radio", "{users: 200, items: 100, artists: 20}",
                  "{plays: -0.5, plays_liking: 0}");
  const RowMatrix state = site.start(200);
  const double mean = std::exp(-0.5);
  const auto n = static_cast<double>(state.size());
  CHECK(state == site.start(200));
  CHECK(std::abs(state.mean() - mean) < 4 * std::sqrt(mean / n));
  const double none = (state.array() == 0).cast<double>().mean();
  const double p = std::exp(-mean);
  CHECK(std::abs(none - p) < 4 * std::sqrt(p * (1 - p) / n));
}

TEST_CASE("media: clicks are remembered by artist and sessions end in time", "[media]") {
  const Site site("media_homepage", "{users: 60, items: 100, artists: 20, days: 40, visit_days: 8}",
                  "{session_rounds: 2}");
  const RequestBatch requests =
      site.requests({{UserId{3}, 0, 0, 0}, {UserId{3}, 0, 1, 0}},
                    RowMatrix::Zero(2, static_cast<Eigen::Index>(site.users->n_state())));
  const PageBatch pages = shelves(2, {0, 1}, {10, 11, 12, 13});
  ResponseBatch responses;
  site.users->respond(requests, pages, Rng(2), responses, nullptr);
  responses.item_click = {1, 0, 0, 0, 0, 0, 0, 1};
  RowMatrix state = requests.latents->state;
  std::vector<std::uint16_t> gap(2);
  site.users->advance(requests, pages, responses, Rng(2), state, gap);
  CHECK(gap == std::vector<std::uint16_t>{0, 8});
  CHECK(state.sum() == 2);
  const auto artist = [&](std::uint32_t v) {
    return static_cast<Eigen::Index>(site.hidden(media::kArtist, v));
  };
  CHECK(state(0, artist(10)) == 1);
  CHECK(state(1, artist(13)) == 1);
  // And the site sees them.
  RequestBatch next = site.requests({{UserId{3}, 1, 0, 8}}, state.row(0));
  for (std::size_t c = 0; c < next.candidate.size(); ++c)
    CHECK(next.candidate_context[c] ==
          Approx(artist(next.candidate[c]) == artist(10) ? std::log(2.0) : 0.0));
}

TEST_CASE("media: its users refuse a world of another kind", "[media]") {
  CHECK_THROWS_WITH(Site("kuaisim", "{users: 5, items: 60}", "{}", "media_video"),
                    Catch::Contains("world of media"));
}
