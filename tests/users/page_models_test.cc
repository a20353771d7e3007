// grid_pbm and carousel_click, and what pages do that lists do not.

#include <cmath>
#include <numeric>

#include "tests/users/click_pages.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

const DrawnPage& grid() {
  static const DrawnPage page(std::vector<std::vector<double>>(3, std::vector<double>(7, .25)));
  return page;
}

double examined_at(const std::string& yaml, std::size_t i, std::size_t k) {
  return marginals(*click_model("grid_pbm", yaml), grid()).examination[7 * i + k];
}

/// Click probabilities by all draws of which items attract, and all quits.
std::vector<double> by_attraction(const std::vector<std::vector<double>>& theta, double quit) {
  std::vector<double> flat;
  std::vector<std::size_t> row_of;
  for (std::size_t i = 0; i < theta.size(); ++i)
    for (const double p : theta[i]) {
      flat.push_back(p);
      row_of.push_back(i);
    }
  std::vector<double> click(flat.size(), 0);
  for (std::size_t pattern = 1; pattern < (std::size_t{1} << flat.size()); ++pattern) {
    double p = 1;
    for (std::size_t j = 0; j < flat.size(); ++j)
      p *= ((pattern >> j) & 1) != 0 ? flat[j] : 1 - flat[j];
    std::size_t first = 0;
    while (((pattern >> first) & 1) == 0) ++first;
    std::size_t start = first;
    while (start > 0 && row_of[start - 1] == row_of[first]) --start;
    click[first] += p * std::pow(1 - quit, row_of[first] + (first - start));
  }
  return click;
}

double spearman_or_pearson(std::vector<double> a, std::vector<double> b, bool ranks) {
  const auto ranked = [](const std::vector<double>& x) {
    std::vector<double> rank(x.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      for (const double other : x) rank[i] += other < x[i] ? 1 : other == x[i] ? .5 : 0;
    return rank;
  };
  if (ranks) {
    a = ranked(a);
    b = ranked(b);
  }
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return ab / std::sqrt(aa * bb);
}

}  // namespace

TEST_CASE("each kind of grid_pbm examines cells by its own formula", "[grid_pbm]") {
  CHECK(examined_at("{}", 2, 3) == Approx(std::pow(3, -.5) / 4));
  CHECK(examined_at("{kind: power_law, row_power: 2, column_power: .5}", 1, 3) == Approx(.125));
  CHECK(examined_at("{kind: golden_triangle}", 0, 0) == 1);
  CHECK(examined_at("{kind: golden_triangle}", 2, 4) == Approx(1.0 / 3));
  CHECK(examined_at("{kind: factorized, row: [1, .5, .2], column: .5}", 2, 6) == Approx(.1));
  CHECK(examined_at("{kind: table, examination: [[0, 0, 0, 0, 0, 0, 0], [0, 0, .3, 0, 0, 0, 0], "
                    "[0, 0, 0, 0, 0, 0, 0]]}",
                    1, 2) == Approx(.3));
  const std::string row_page =
      "{kind: row_page, row_decay: .2, column_decay: .1, mirrored_decay: .3, visible: 3, "
      "swipe: .4}";
  CHECK(examined_at(row_page, 1, 2) == Approx(std::exp(-.2 - .2)));
  CHECK(examined_at(row_page, 1, 3) == Approx(.4 * std::exp(-.2 - .6)));  // its left end
  CHECK(examined_at(row_page, 1, 5) == Approx(.4 * std::exp(-.2)));       // its right end
  CHECK(examined_at(row_page, 0, 6) == Approx(.16 * std::exp(-.6)));
}

TEST_CASE("a grid_pbm table may be the page's own", "[grid_pbm]") {
  DrawnPage page({{.5, .5}, {.5, .5}});
  page.examination = {1, .5, .25, .125};
  const std::unique_ptr<ClickModel> model = click_model("grid_pbm", "{kind: table}");
  check_near(marginals(*model, page).examination, page.examination, 0);
  page.examination.clear();
  CHECK_THROWS_AS(marginals(*model, page), Error);
  CHECK_THROWS_AS(marginals(*click_model("grid_pbm", "{kind: table, examination: [[1, 1]]}"), page),
                  Error);
  CHECK_THROWS_AS(
      marginals(*click_model("grid_pbm", "{kind: table, examination: [[1, 1], [1]]}"), page),
      Error);
}

TEST_CASE("grid_pbm refuses impossible parameters and keys of another kind", "[grid_pbm]") {
  const auto refused = [](const std::string& yaml, const std::string& key) {
    CHECK_THAT(refusal("grid_pbm", yaml), Catch::Contains(key));
  };
  refused("{kind: golden_triangel}", "did you mean 'golden_triangle'?");
  refused("{kind: table, examination: [[1.5]]}", "model.examination[0][0]");
  refused("{kind: table, examination: [[.nan]]}", "model.examination[0][0]");
  refused("{kind: factorized, row: [.5, 2]}", "model.row[1]");
  refused("{kind: power_law, row_power: -1}", "model.row_power");
  refused("{kind: row_page, swipe: 1.1}", "model.swipe");
  refused("{kind: row_page, visible: 0}", "model.visible");
  refused("{kind: golden_triangle, row: .5}", "model.row: belongs to kind 'factorized'");
  refused("{kind: power_law, examination: [[1]]}", "belongs to kind 'table'");
  CHECK(refusal("grid_pbm", "{kind: golden_triangle, row: 1}") == "accepted");
}

TEST_CASE("carousel_click is the sum over all draws of attraction", "[carousel_click]") {
  const std::vector<std::vector<double>> theta{{.1, .3, .2}, {.4, .05, .2}, {.3, .6}};
  for (const double quit : {0.0, .1, .5, 1.0}) {
    const auto model = click_model("carousel_click", "{quit: " + std::to_string(quit) + "}");
    check_near(marginals(*model, DrawnPage(theta)).click, by_attraction(theta, quit), 1e-12);
  }
  CHECK_THAT(refusal("carousel_click", "{quit: 1.01}"), Catch::Contains("model.quit"));
  CHECK_THAT(refusal("carousel_click", "{quit: .nan}"), Catch::Contains("model.quit"));
}

TEST_CASE("with the same patience carousels are clicked and looked at more than the flat list",
          "[carousel_click][carousel_page]") {
  Stream stream = Rng(31).stream(Draw::kWorld, {});
  for (const double quit : {.05, .1, .3}) {
    const auto carousel = click_model("carousel_click", "{quit: " + std::to_string(quit) + "}");
    const CarouselPage flat =
        carousel_page("{next_row: 1, no_click: {continue: " + std::to_string(1 - quit) +
                      ", leave_row: 0, exit: " + std::to_string(quit) +
                      "}, satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
    for (int repeat = 0; repeat < 20; ++repeat) {
      DrawnPage page(std::vector<std::size_t>(4, 6), stream);
      page.satisfaction.clear();
      const Marginals rows = marginals(*carousel, page);
      const Marginals list = marginals(flat, page);
      // Items judged: those of rows passed by as a whole, and those looked at in the row entered.
      double judged = 0, reach = 1;
      for (std::size_t i = 0; i < 4; ++i) {
        double none = 1;
        for (std::size_t k = 0; k < 6; ++k) {
          none *= 1 - page.attraction[6 * i + k];
          judged += rows.examination[6 * i + k];
        }
        judged += reach * none * 6;
        reach *= none * (1 - quit);
      }
      CHECK(judged > std::accumulate(list.examination.begin(), list.examination.end(), 0.0));
      CHECK(std::accumulate(rows.click.begin(), rows.click.end(), 0.0) >
            std::accumulate(list.click.begin(), list.click.end(), 0.0));
    }
  }
  // The last of 3 x 4 items that do not attract: (1 - q)^5 of patience against (1 - q)^11.
  CHECK(std::pow(.9, 5) == Approx(.5905).margin(1e-4));
  CHECK(std::pow(.9, 11) == Approx(.3138).margin(1e-4));
}

TEST_CASE(
    "a row-page discount follows the exposure of mirrored carousels better than the golden "
    "triangle",
    "[grid_pbm][carousel_page]") {
  const DrawnPage page(std::vector<std::vector<double>>(10, std::vector<double>(15, .05)),
                       std::vector<std::vector<double>>(10, std::vector<double>(15, .5)));
  const CarouselPage model = carousel_page(
      "{row_entry: .7, next_row: .9, visible: 5, swipe: .25, mirror: 1, "
      "fold: {rows: 3, step: 3, probability: .6}}");
  const std::vector<double> exposure = marginals(model, page).examination;
  const auto weights = [&](const std::string& yaml) {
    return marginals(*click_model("grid_pbm", yaml), page).examination;
  };
  const std::vector<double> triangle = weights("{kind: golden_triangle}");
  const std::vector<double> row_page = weights(
      "{kind: row_page, row_decay: .35, column_decay: .26, mirrored_decay: .26, visible: 5, "
      "swipe: .08}");
  for (const bool ranks : {false, true}) {
    const double by_triangle = spearman_or_pearson(exposure, triangle, ranks);
    const double by_row_page = spearman_or_pearson(exposure, row_page, ranks);
    INFO("golden triangle " << by_triangle << ", row page " << by_row_page);
    CHECK(by_row_page > .95);
    CHECK(by_row_page > by_triangle + .05);
  }
}
