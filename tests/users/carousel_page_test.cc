#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tests/users/click_pages.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr double kGolden = 1e-6;
constexpr double kExact = 1e-12;

const DrawnPage& golden_page() {
  static const DrawnPage page({{.30, .20, .10, .25}, {.15, .40, .05, .10}, {.20, .20, .30, .10}},
                              {{.6, .5, .4, .5}, {.5, .7, .3, .4}, {.6, .6, .6, .6}});
  return page;
}

const char* const kGoldenModel =
    "{row_entry: [.9, .7, .8], next_row: .9, visible: 2, swipe_step: 2, swipe: .5, "
    "fold: {rows: 2, step: 100, probability: .6}, "
    "no_click: {continue: .80, leave_row: .15, exit: .05}, "
    "click: {continue: .60, leave_row: .30, exit: .10}, "
    "satisfied_click: {continue: .10, leave_row: .10, exit: .80}}";

/// A list model of user_models.md A as a recursion over ranks.
struct ListMarginals {
  std::vector<double> examination, click;
};
template <class F0, class F1>
ListMarginals list(const std::vector<double>& alpha, F0&& f0, F1&& f1) {
  ListMarginals out;
  double e = 1;
  for (std::size_t r = 0; r < alpha.size(); ++r) {
    out.examination.push_back(e);
    out.click.push_back(e * alpha[r]);
    e *= (1 - alpha[r]) * f0(r) + alpha[r] * f1(r);
  }
  return out;
}

const std::vector<double> kAlpha{.5, .3, .2, .4};
const std::vector<double> kSigma{.6, .5, .4, .3};

}  // namespace

TEST_CASE("carousel_page gives the golden vectors of the unified page model", "[carousel_page]") {
  const CarouselPage model = carousel_page(kGoldenModel);
  const DrawnPage& page = golden_page();
  check_near(model.reach(page.cells()), {1, .640024, .265287}, kGolden);
  const Marginals exact = marginals(model, page);
  check_near(exact.examination,
             {.9, .585, .207675, .157833, .448017, .328172, .09517, .074471, .212229, .148561,
              .051996, .033798},
             kGolden);
  check_near(exact.click,
             {.27, .117, .020768, .039458, .067203, .131269, .004759, .007447, .042446, .029712,
              .015599, .00338},
             kGolden);
  CHECK(model.expected_clicks(page.cells()) == Approx(.749039).margin(kGolden));
  CHECK(model.expected_examined(page.cells()) == Approx(3.242922).margin(kGolden));
  CHECK(model.no_click(page.cells()) == Approx(.387148).margin(kGolden));
  const std::vector<double> pmf = model.n_clicks(page.cells());
  check_near({pmf.begin(), pmf.begin() + 4}, {.387148, .49451, .102192, .014575}, kGolden);
}

TEST_CASE("a page of one row is the list DBN", "[carousel_page]") {
  const double gamma = .9;
  const CarouselPage model = carousel_page(
      "{no_click: {continue: .9, leave_row: 0, exit: .1}, "
      "click: {continue: .9, leave_row: 0, exit: .1}, "
      "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
  const DrawnPage page({kAlpha}, {kSigma});
  const Marginals exact = marginals(model, page);
  check_near(exact.click, {.5, .189, .09639, .159622}, kGolden);
  const ListMarginals dbn = list(
      kAlpha, [&](std::size_t) { return gamma; },
      [&](std::size_t r) { return gamma * (1 - kSigma[r]); });
  check_near(exact.examination, dbn.examination, kExact);
  // Its filter, from the golden vectors: examination given the clicks, times attraction.
  const std::vector<std::uint8_t> clicks{1, 0, 1, 0};
  std::vector<double> q(4);
  model.conditional(page.cells(), clicks, q);
  check_near(q, {.5, .36 * .3, .25426 * .2, .54 * .4}, kGolden);
  CHECK(log_likelihood(q, clicks) == Approx(-4.029618).margin(kGolden));
}

TEST_CASE("a page of one row where every click satisfies is the cascade", "[carousel_page]") {
  const CarouselPage model = carousel_page(
      "{no_click: {continue: 1, leave_row: 0, exit: 0}, "
      "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
  const DrawnPage page({kAlpha});
  const Marginals exact = marginals(model, page);
  check_near(exact.click, {.5, .15, .07, .112}, kExact);
  check_near(exact.examination, {1, .5, .35, .28}, kExact);
  const std::vector<double> pmf = model.n_clicks(page.cells());
  check_near(pmf, {.5 * .7 * .8 * .6, 1 - .5 * .7 * .8 * .6, 0, 0, 0}, kExact);
}

TEST_CASE("a page read row by row without leaving rows is the flat terminating cascade",
          "[carousel_page]") {
  const CarouselPage model = carousel_page(
      "{next_row: 1, no_click: {continue: .85, leave_row: 0, exit: .15}, "
      "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
  // Between rows the last column's patience is leave_row: the row's end turns continue into it.
  const DrawnPage page({{.2, .3}, {.1, .4}});
  const Marginals exact = marginals(model, page);
  check_near(exact.click, {.2, .204, .04046, .123808}, kGolden);
  const ListMarginals tcm = list(
      page.attraction, [](std::size_t) { return .85; }, [](std::size_t) { return 0.0; });
  check_near(exact.click, tcm.click, kExact);
  check_near(exact.examination, tcm.examination, kExact);
}

TEST_CASE("the carousel click model is a page whose rows are entered when anything attracts",
          "[carousel_page][carousel_click]") {
  const std::vector<std::vector<double>> theta{{.1, .3, .2}, {.4, .05, .2}};
  const DrawnPage page(theta);
  const std::unique_ptr<ClickModel> rahdari = click_model("carousel_click", "{quit: .1}");
  const Marginals exact = marginals(*rahdari, page);
  check_near(exact.click, {.1, .243, .10206, .18144, .0122472, .041885424}, kGolden);

  std::string entry;
  std::vector<std::vector<double>> alpha = theta;
  for (std::vector<double>& row : alpha) {
    double none = 1;
    for (std::size_t k = row.size(); k-- > 0;) {
      none *= 1 - row[k];
      row[k] /= 1 - none;
    }
    entry += (entry.empty() ? "" : ", ") + fmt::format("{}", 1 - none);
  }
  const CarouselPage model =
      carousel_page("{row_entry: [" + entry +
                    "], next_row: .9, "
                    "no_click: {continue: .9, leave_row: 0, exit: .1}, "
                    "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
  const DrawnPage mapped(alpha);
  const Marginals page_model = marginals(model, mapped);
  check_near(page_model.click, exact.click, kExact);
  check_near(page_model.examination, exact.examination, kExact);
  check_near(model.n_clicks(mapped.cells()), rahdari->n_clicks(page.cells()), kExact);
  for (std::size_t pattern = 0; pattern < 64; ++pattern) {
    const std::vector<std::uint8_t> clicks = clicks_of(pattern, 6);
    CHECK(p_clicks(model, mapped, clicks) ==
          Approx(p_clicks(*rahdari, page, clicks)).margin(kExact));
  }
}

TEST_CASE("a cascade over cards is reached past the first window by those who swipe",
          "[carousel_page]") {
  const std::vector<double> alpha{.1, .2, .15, .3, .25, .05};
  const CarouselPage model = carousel_page(
      "{visible: 3, swipe: .4, no_click: {continue: 1, leave_row: 0, exit: 0}, "
      "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
  const DrawnPage page({alpha});
  const ListMarginals gated = list(
      alpha, [](std::size_t r) { return r == 2 ? .4 : 1.0; }, [](std::size_t) { return 0.0; });
  const Marginals exact = marginals(model, page);
  check_near(exact.click, gated.click, kExact);
  check_near(exact.examination, gated.examination, kExact);
}

TEST_CASE("rows that never end the page are DBNs under a power law of rows", "[carousel_page]") {
  const double gamma = .75;
  std::vector<std::vector<double>> rows, satisfied;
  std::string entry;
  for (int i = 0; i < 4; ++i) {
    std::vector<double>& row = rows.emplace_back();
    for (int k = 0; k < 5; ++k)
      row.push_back(std::clamp((std::pow(2, (i + k) % 5) - 1) / 15, .1, 1.));
    satisfied.push_back(row);
    entry += (i > 0 ? ", " : "") + fmt::format("{}", std::pow(i + 1, -.5));
  }
  const CarouselPage model =
      carousel_page("{row_entry: [" + entry +
                    "], next_row: 1, "
                    "no_click: {continue: .75, leave_row: .25, exit: 0}, "
                    "click: {continue: .75, leave_row: .25, exit: 0}, "
                    "satisfied_click: {continue: 0, leave_row: 1, exit: 0}}");
  const DrawnPage page(rows, satisfied);
  const Marginals exact = marginals(model, page);
  for (std::size_t i = 0; i < 4; ++i) {
    const ListMarginals dbn = list(
        rows[i], [&](std::size_t) { return gamma; },
        [&](std::size_t k) { return gamma * (1 - rows[i][k]); });
    for (std::size_t k = 0; k < 5; ++k) {
      const double enters = 1 / std::sqrt(static_cast<double>(i + 1));
      CHECK(exact.examination[5 * i + k] == Approx(enters * dbn.examination[k]).margin(kExact));
      CHECK(exact.click[5 * i + k] == Approx(enters * dbn.click[k]).margin(kExact));
    }
  }
  CHECK(model.end(page.cells()).scanned == Approx(1).margin(kExact));
}

TEST_CASE("given a click, examination runs down the first columns and along the clicked row",
          "[carousel_page]") {
  const DrawnPage page(std::vector<std::vector<double>>(6, std::vector<double>(10, .08)),
                       std::vector<std::vector<double>>(6, std::vector<double>(10, .5)));
  const CarouselPage model = carousel_page(
      "{row_entry: .8, next_row: .9, visible: 5, swipe: .25, "
      "fold: {rows: 3, step: 3, probability: .6}}");
  const Marginals exact = marginals(model, page);
  std::vector<double> given(page.size());
  model.examination_given_click(page.cells(), 43, given);  // row 4, column 3
  for (std::size_t k = 0; k <= 3; ++k) CHECK(given[40 + k] == Approx(1).margin(kExact));
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t k = 0; k + 1 < 10; ++k) CHECK(given[10 * i + k + 1] < given[10 * i + k]);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(given[10 * i] > exact.examination[10 * i + 4]);
    CHECK(given[10 * i + 3] < .6);  // the arm of the L is wider than the page above it
  }
  for (std::size_t k = 0; k < 10; ++k) CHECK(given[50 + k] < given[40 + k]);
}

TEST_CASE("a swiped window that is read from the right starts at its last item",
          "[carousel_page]") {
  const DrawnPage page({std::vector<double>(8, .2)});
  const CarouselPage left = carousel_page("{visible: 3, swipe: .5, mirror: 0}");
  const CarouselPage right = carousel_page("{visible: 3, swipe: .5, mirror: 1}");
  const std::vector<double> from_left = marginals(left, page).examination;
  const std::vector<double> from_right = marginals(right, page).examination;
  const std::size_t order[] = {0, 1, 2, 5, 4, 3, 7, 6};
  for (std::size_t t = 0; t < 8; ++t)
    CHECK(from_right[order[t]] == Approx(from_left[t]).margin(kExact));
}

TEST_CASE("row entry by logits follows heading, visible items and place", "[carousel_page]") {
  DrawnPage page({{.2, .4, .9}, {.5, .1, .3}});
  page.heading = {.5, -1};
  const CarouselPage model = carousel_page(
      "{row_entry: [1, .5], visible: 2, next_row: 1, "
      "row_entry_logit: {bias: .3, heading: .7, visible: .4, position: -.2}}");
  const auto logit = [](double p) { return std::log(p / (1 - p)); };
  const double first = .3 + .7 * .5 + .4 * (logit(.2) + logit(.4)) / 2;
  const double second = .3 - .7 - .2 + .4 * (logit(.5) + logit(.1)) / 2;
  const std::vector<double> examination = marginals(model, page).examination;
  const std::vector<double> reach = model.reach(page.cells());
  CHECK(examination[0] == Approx(1 / (1 + std::exp(-first))));
  CHECK(examination[3] == Approx(reach[1] * .5 / (1 + std::exp(-second))));
  page.heading.clear();  // no headings: relevance 0
  CHECK(marginals(model, page).examination[0] == Approx(1 / (1 + std::exp(-first + .35))));
}

TEST_CASE("carousel_page refuses impossible parameters, naming the key", "[carousel_page]") {
  const auto refused = [](const std::string& yaml, const std::string& key) {
    CHECK_THAT(refusal("carousel_page", yaml), Catch::Contains(key));
  };
  refused("{row_entry: 1.2}", "model.row_entry");
  refused("{row_entry: [.5, -.1]}", "model.row_entry[1]");
  refused("{row_entry: .nan}", "model.row_entry");
  refused("{row_entry: []}", "model.row_entry");
  refused("{next_row: [.5, .nan]}", "model.next_row[1]");
  refused("{no_click: {continue: .5, leave_row: .2, exit: .2}}", "model.no_click: sums to 0.9");
  refused("{no_click: {continue: .9}}", "model.no_click");
  refused("{click: {continue: 1, leave_row: 1, exit: -1}}", "model.click.exit");
  refused("{satisfied_click: {continue: .nan, leave_row: 1, exit: 0}}",
          "model.satisfied_click.continue");
  refused("{satisfied_click: {continue: 1, leave_row: 1, exit: 0}}", "model.satisfied_click");
  refused("{swipe: 2}", "model.swipe");
  refused("{visible: -1}", "model.visible");
  refused("{visible: 2, swipe_step: 3}", "model.swipe_step");
  refused("{mirror: -.1}", "model.mirror");
  refused("{fold: {rows: 0}}", "model.fold.rows");
  refused("{fold: {step: 0}}", "model.fold.step");
  refused("{fold: {probability: 1.5}}", "model.fold.probability");
  refused("{fatigue: {row: -1}}", "model.fatigue.row");
  refused("{fatigue: {column: .nan}}", "model.fatigue.column");
  refused("{row_entry_logit: {heading: 1}}", "model.row_entry_logit");
  refused("{row_entry_logit: {bias: .nan}}", "model.row_entry_logit.bias");
  refused("{user_types: {share: 1}}", "model.user_types");
  refused("{user_types: [{share: .5}, {share: .4}]}", "model.user_types: shares sum to 0.9");
  refused("{user_types: [{share: 1.5}]}", "model.user_types[0].share");
  refused("{user_types: [{visible: 3}]}", "model.user_types[0]: the key 'share' is missing");
  refused("{user_types: [{share: 1, no_click: {exit: .5}}]}", "user_types[0].no_click sums to");
  refused("{user_types: [{share: 1, user_types: []}]}", "unknown key");
  refused("{user_types: [{share: 1, visibel: 3}]}", "did you mean 'visible'?");
  refused("{swipes: 1}", "did you mean 'swipe'?");
  CHECK(refusal("carousel_page", kGoldenModel) == "accepted");
  CHECK(refusal("carousel_page", "{}") == "accepted");
}

TEST_CASE("a page of more rows than the model has numbers for is refused", "[carousel_page]") {
  const DrawnPage page({{.5}, {.5}, {.5}});
  const auto message = [&](const std::string& yaml) {
    try {
      marginals(carousel_page(yaml), page);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK_THAT(message("{row_entry: [1, 1]}"), Catch::Contains("row_entry"));
  CHECK_THAT(message("{next_row: [1]}"), Catch::Contains("next_row"));
  CHECK_THAT(message("{user_types: [{share: 1, row_entry: [1, 1]}]}"),
             Catch::Contains("row_entry"));
  CHECK(message("{row_entry: [1, 1, 1], next_row: [1, 1]}") == "accepted");
}

TEST_CASE("after clicks that cannot be, nothing more is expected", "[carousel_page]") {
  const CarouselPage model = carousel_page(
      "{no_click: {continue: 1, leave_row: 0, exit: 0}, "
      "satisfied_click: {continue: 0, leave_row: 0, exit: 1}}");
  const DrawnPage page({kAlpha});
  std::vector<double> q(4);
  model.conditional(page.cells(), std::vector<std::uint8_t>{1, 1, 0, 0}, q);
  check_near(q, {.5, 0, 0, 0}, 0);
}
