#include "users/carousel_page_fit.h"

#include <cmath>

#include "sim/core/error.h"
#include "tests/users/click_pages.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

CarouselPageConfig config_of(const std::string& yaml) {
  const YAML::Node node = YAML::Load(yaml);
  return read_carousel_page(PluginConfig{node, {"page.yaml", "model"}})[0].config;
}

/// Pages of rows of random items, and what users of a model click on them.
struct SimulatedPages {
  SimulatedPages(const CarouselPageConfig& truth, std::size_t n_pages, std::size_t n_rows,
                 std::size_t row_size, std::uint64_t seed, std::size_t n_items = 12) {
    Stream stream = Rng(seed).stream(Draw::kWorld, {});
    for (std::size_t a = 0; a < n_items; ++a)
      attraction.push_back(.1 + .5 * static_cast<double>(a) / static_cast<double>(n_items));
    sessions.n_entities = n_items;
    sessions.n_ranks = n_rows * row_size;
    sessions.row_size = row_size;
    sessions.satisfied = .4;
    const CarouselPage model({{1, truth}});
    for (std::size_t p = 0; p < n_pages; ++p) {
      DrawnPage page;
      for (std::size_t j = 0; j < sessions.n_ranks; ++j) {
        const auto a = static_cast<std::uint32_t>(stream.uniform() * static_cast<double>(n_items));
        sessions.entity.push_back(a);
        sessions.rank.push_back(static_cast<std::uint16_t>(j));
        page.attraction.push_back(attraction[a]);
        page.satisfaction.push_back(sessions.satisfied);
        if ((j + 1) % row_size == 0) page.offsets.push_back(static_cast<std::uint32_t>(j + 1));
      }
      Sampler sampler(page, seed + 1000 + p);
      sampler.draw(model);
      sessions.click.insert(sessions.click.end(), sampler.click.begin(), sampler.click.end());
      sessions.offsets.push_back(static_cast<std::uint32_t>(sessions.entity.size()));
      sessions.turn_sizes.push_back(1);
    }
  }

  /// Every parts-th page from the p-th on.
  ClickSessions part(std::size_t p, std::size_t parts) const {
    ClickSessions out = sessions;
    out.offsets = {0};
    out.entity.clear();
    out.rank.clear();
    out.click.clear();
    for (std::size_t i = p; i < sessions.size(); i += parts) {
      for (std::size_t j = sessions.offsets[i]; j < sessions.offsets[i + 1]; ++j) {
        out.entity.push_back(sessions.entity[j]);
        out.rank.push_back(sessions.rank[j]);
        out.click.push_back(sessions.click[j]);
      }
      out.offsets.push_back(static_cast<std::uint32_t>(out.entity.size()));
    }
    return out;
  }

  std::vector<double> attraction;
  ClickSessions sessions;
};

std::vector<double> numbers(const ClickFit& fit) {
  std::vector<double> all;
  for (const auto& [name, value] : fit.fitted) all.push_back(value);
  all.insert(all.end(), fit.attraction.begin(), fit.attraction.end());
  return all;
}

double log_likelihood(const ClickFit& fit, const ClickSessions& sessions) {
  return score_clicks(click_predictions(fit, sessions, true), sessions).log_likelihood *
         static_cast<double>(sessions.n_impressions());
}

void set(ClickFit& fit, const std::string& key, const std::string& value) {
  for (auto& [name, text] : fit.parameters)
    if (name == key) text = value;
}

const char* const kTruth =
    "{row_entry: [.9, .6, .75], next_row: .85, visible: 3, swipe: .5, mirror: .3, "
    "fold: {rows: 2, step: 2, probability: .8}, fatigue: {row: .05, column: .02}, "
    "no_click: {continue: .75, leave_row: .2, exit: .05}, "
    "click: {continue: .5, leave_row: .35, exit: .15}, "
    "satisfied_click: {continue: .2, leave_row: .2, exit: .6}}";

}  // namespace

TEST_CASE("attraction, row entry, next row and what follows no click are recovered from clicks",
          "[carousel_page_fit]") {
  constexpr std::size_t kParts = 10;
  const CarouselPageConfig truth = config_of(kTruth);
  const SimulatedPages log(truth, 10000, 3, 6, 11);
  const ClickFit fit = fit_carousel_page(log.sessions, truth);
  std::vector<double> expected{.9, .6, .75, .85, .75, .2, .05};
  expected.insert(expected.end(), log.attraction.begin(), log.attraction.end());
  const std::vector<double> found = numbers(fit);
  REQUIRE(found.size() == expected.size());
  std::vector<double> sum(found.size(), 0.0), square(found.size(), 0.0);
  for (std::size_t p = 0; p < kParts; ++p) {
    const std::vector<double> own = numbers(fit_carousel_page(log.part(p, kParts), truth));
    for (std::size_t k = 0; k < own.size(); ++k) {
      sum[k] += own[k] / kParts;
      square[k] += own[k] * own[k] / kParts;
    }
  }
  for (std::size_t k = 0; k < found.size(); ++k) {
    const double error = std::sqrt(std::max(0.0, square[k] - sum[k] * sum[k]) / (kParts - 1));
    INFO("number " << k << ": " << found[k] << " +- " << error << ", truth " << expected[k]);
    CHECK(std::abs(found[k] - expected[k]) < 4 * error);
    CHECK(error < .08);
  }
}

TEST_CASE("no page parameters explain clicks better than the fitted ones", "[carousel_page_fit]") {
  const CarouselPageConfig truth = config_of(kTruth);
  const SimulatedPages log(truth, 5000, 3, 6, 12);
  const ClickFit fit = fit_carousel_page(log.sessions, truth, 1);
  const double best = log_likelihood(fit, log.sessions);
  ClickFit true_fit = fit;
  true_fit.attraction = log.attraction;
  set(true_fit, "row_entry", "[.9, .6, .75]");
  set(true_fit, "next_row", ".85");
  set(true_fit, "no_click", "{continue: .75, leave_row: .2, exit: .05}");
  CHECK(best > log_likelihood(true_fit, log.sessions));
  for (const auto& [key, value] : {std::pair{"row_entry", "[.8, .6, .75]"},
                                   {"next_row", ".7"},
                                   {"no_click", "{continue: .65, leave_row: .3, exit: .05}"},
                                   {"no_click", "{continue: .75, leave_row: .1, exit: .15}"}}) {
    ClickFit other = fit;
    set(other, key, value);
    INFO(key << " " << value);
    CHECK(log_likelihood(other, log.sessions) < best);
  }
  CHECK(numbers(fit_carousel_page(log.sessions, truth, 3)) == numbers(fit));
}

TEST_CASE("a fit holds what it does not fit and one row entry stays one", "[carousel_page_fit]") {
  const CarouselPageConfig held = config_of("{visible: 2, swipe: .4, row_entry: .5}");
  const SimulatedPages log(held, 1000, 2, 4, 13);
  const ClickFit fit = fit_carousel_page(log.sessions, held);
  const CarouselPageConfig back = config_of(fit.yaml().replace(1, 20, ""));
  CHECK(back.visible == 2);
  CHECK(back.swipe == .4);
  CHECK(back.satisfied_click.exit == held.satisfied_click.exit);
  CHECK_FALSE(back.row_entry.is_list);
  CHECK(fit.fitted.size() == 5);
  CHECK(fit.satisfaction == std::vector<double>(12, .4));
}

TEST_CASE("a fit of pages refuses what it cannot explain or hold", "[carousel_page_fit]") {
  const SimulatedPages log(config_of("{row_entry: .9}"), 200, 2, 4, 14);
  const auto message = [](const ClickSessions& sessions, const std::string& held) {
    try {
      fit_carousel_page(sessions, config_of(held));
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::kInput);
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(message(log.sessions, "{row_entry: [.5]}"), Catch::Contains("row_entry"));
  CHECK_THAT(message(log.sessions, "{row_entry_logit: {bias: 0}}"),
             Catch::Contains("row_entry_logit cannot be held"));
  CHECK_THAT(message(log.sessions,
                     "{click: {continue: 0, leave_row: 0, exit: 1}, "
                     "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}"),
             Catch::Contains("cannot be by what is held"));
  ClickSessions none = log.sessions;
  std::ranges::fill(none.click, std::uint8_t{0});
  CHECK_THAT(message(none, "{row_entry: .5}"), Catch::Contains("no clicks"));
}
