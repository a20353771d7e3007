// Samplers of the page models against their closed forms.

#include <fmt/format.h>

#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "tests/users/click_pages.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr std::size_t kDraws = 20000;

double chi_square_p(const std::vector<double>& expected, const std::vector<double>& found) {
  double statistic = 0, rest_expected = 0, rest_found = 0;
  std::size_t n = 0;
  const auto add = [&](double e, double f) {
    statistic += (f - e) * (f - e) / e;
    ++n;
  };
  for (std::size_t c = 0; c < expected.size(); ++c) {
    if (expected[c] >= 5) {
      add(expected[c], found[c]);
    } else {
      rest_expected += expected[c];
      rest_found += found[c];
    }
  }
  if (rest_expected >= 1) add(rest_expected, rest_found);
  if (rest_expected < 1e-9 && rest_found > 0) return 0;  // what cannot be, was
  return n < 2 ? 1 : boost::math::gamma_q(static_cast<double>(n - 1) / 2, statistic / 2);
}

/// Click patterns, and each cell's examination and satisfaction, against the closed forms.
void check_sampler(const ClickModel& model, const DrawnPage& page, std::uint64_t seed) {
  const std::size_t n = page.size();
  Sampler sampler(page, seed);
  std::vector<double> found(std::size_t{1} << n, 0), expected(found.size());
  std::vector<double> examined(n, 0), click(n, 0), satisfied(n, 0);
  for (std::size_t d = 0; d < kDraws; ++d) {
    sampler.draw(model);
    std::size_t pattern = 0;
    for (std::size_t j = 0; j < n; ++j) {
      REQUIRE(sampler.examined[j] >= sampler.click[j]);
      REQUIRE(sampler.click[j] >= sampler.satisfied[j]);
      pattern |= std::size_t{sampler.click[j]} << j;
      examined[j] += sampler.examined[j];
      click[j] += sampler.click[j];
      satisfied[j] += sampler.satisfied[j];
    }
    found[pattern] += 1;
  }
  for (std::size_t c = 0; c < found.size(); ++c)
    expected[c] = static_cast<double>(kDraws) * p_clicks(model, page, clicks_of(c, n));
  CHECK(chi_square_p(expected, found) > 1e-4);
  const Marginals exact = marginals(model, page);
  for (std::size_t j = 0; j < n; ++j) {
    INFO("cell " << j);
    const auto four_errors = [](double p, double draws) {
      return 4 * std::sqrt(p * (1 - p) * draws) + 1e-9;
    };
    const double e = exact.examination[j];
    CHECK(std::abs(examined[j] - e * kDraws) <= four_errors(e, kDraws));
    CHECK(std::abs(satisfied[j] - page.satisfaction[j] * click[j]) <=
          four_errors(page.satisfaction[j], click[j]));
  }
}

std::string split(Stream& stream) {
  const double a = stream.uniform(), b = stream.uniform(), c = stream.uniform() / 2;
  const double sum = a + b + c;
  const double go = a / sum, leave = b / sum;
  return fmt::format("{{continue: {}, leave_row: {}, exit: {}}}", go, leave, 1 - go - leave);
}

std::string carousel_parameters(Stream& stream) {
  const auto u = [&] { return stream.uniform(); };
  const auto keys = [&] {
    return fmt::format(
        "no_click: {}, click: {}, satisfied_click: {}, visible: {}, swipe_step: 1, swipe: {}, "
        "mirror: {}, fold: {{rows: 1, probability: {}}}, fatigue: {{row: {}, column: {}}}",
        split(stream), split(stream), split(stream), 1 + stream() % 2, u(), u(), u(), u(), u());
  };
  const std::string base =
      fmt::format("row_entry: [{}, {}], next_row: {}, {}", u(), u(), u(), keys());
  const double share = u();
  return fmt::format(
      "{{{}, user_types: [{{share: {}}}, {{share: {}, row_entry_logit: {{bias: {}, heading: {}, "
      "visible: {}, position: {}}}, {}}}]}}",
      base, share, 1 - share, u(), u(), u(), -u(), keys());
}

}  // namespace

TEST_CASE("carousel_page draws pages as often as it says, for 20 random parameters",
          "[carousel_page]") {
  Stream stream = Rng(21).stream(Draw::kWorld, {});
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const std::string yaml = carousel_parameters(stream);
    INFO(yaml);
    check_sampler(carousel_page(yaml), DrawnPage({3, 4}, stream), draw);
  }
}

TEST_CASE("carousel_click draws pages as often as it says, for 20 random parameters",
          "[carousel_click]") {
  Stream stream = Rng(22).stream(Draw::kWorld, {});
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const std::string yaml = fmt::format("{{quit: {}}}", stream.uniform());
    INFO(yaml);
    check_sampler(*click_model("carousel_click", yaml), DrawnPage({3, 1, 3}, stream), draw);
  }
}

TEST_CASE("grid_pbm draws pages as often as it says, for 20 random parameters", "[grid_pbm]") {
  Stream stream = Rng(23).stream(Draw::kWorld, {});
  const auto u = [&] { return stream.uniform(); };
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const std::string kinds[] = {
        fmt::format("kind: table, examination: [[{}, {}, {}], [{}, {}, {}, {}]]", u(), u(), u(),
                    u(), u(), u(), u()),
        fmt::format("kind: factorized, row: [{}, {}], column: [{}, {}, {}, {}]", u(), u(), u(), u(),
                    u(), u()),
        fmt::format("kind: power_law, row_power: {}, column_power: {}", u(), 2 * u()),
        "kind: golden_triangle",
        fmt::format("kind: row_page, row_decay: {}, column_decay: {}, mirrored_decay: {}, "
                    "visible: 2, swipe: {}",
                    u(), u(), u(), u())};
    const std::string yaml = "{" + kinds[draw % 5] + "}";
    INFO(yaml);
    check_sampler(*click_model("grid_pbm", yaml), DrawnPage({3, 4}, stream), draw);
  }
}

TEST_CASE("the same words give the same page view, and an item's noise goes with it",
          "[carousel_page]") {
  Stream stream = Rng(24).stream(Draw::kWorld, {});
  const DrawnPage page({3, 4}, stream);
  const CarouselPage model = carousel_page("{visible: 2, mirror: .5}");
  Sampler first(page, 5), second(page, 5);
  for (int d = 0; d < 100; ++d) {
    first.draw(model);
    second.draw(model);
    REQUIRE(first.click == second.click);
    REQUIRE(first.examined == second.examined);
  }
}
