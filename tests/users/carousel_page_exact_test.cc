// Every exact quantity of carousel_page against all the ways to read a small page.

#include <fmt/format.h>

#include <cmath>
#include <map>

#include "tests/users/click_pages.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

enum class End { kSatisfied, kUnsatisfied, kTired, kScanned };

/// What one page view came to: bits by cell, and its end.
struct View {
  std::size_t examined = 0, clicked = 0;
  End end = End::kScanned;
  auto operator<=>(const View&) const = default;
};

/// A page view step by step from the definition (user_models.md B.3), all branches followed.
class AllViews {
 public:
  AllViews(const std::vector<CarouselUserType>& types, const DrawnPage& page) : page_(page) {
    for (const CarouselUserType& type : types) {
      type_ = &type.config;
      scan(0, type.share, {});
    }
  }

  const std::map<View, double>& views() const { return views_; }

  template <class F>
  double p(F&& holds) const {
    double sum = 0;
    for (const auto& [view, p] : views_) sum += holds(view) ? p : 0;
    return sum;
  }

 private:
  void scan(std::size_t row, double p, View view) {
    if (p == 0) return;
    if (row + 1 == page_.offsets.size()) {
      views_[view] += p;
      return;
    }
    const double enters = entry(row);
    down(row, p * (1 - enters), view);
    const auto windows = windows_of(row);
    for (const bool mirrored : {false, true}) {
      std::vector<std::size_t> order;
      std::vector<bool> ends_window;
      for (std::size_t w = 0; w < windows.size(); ++w) {
        std::vector<std::size_t> window = windows[w];
        if (mirrored && w > 0) std::reverse(window.begin(), window.end());
        for (const std::size_t k : window) {
          order.push_back(k);
          ends_window.push_back(false);
        }
        ends_window.back() = true;
      }
      const double coin = mirrored ? type_->mirror : 1 - type_->mirror;
      cell(row, order, ends_window, 0, p * enters * coin, view);
    }
  }

  void cell(std::size_t row, const std::vector<std::size_t>& order,
            const std::vector<bool>& ends_window, std::size_t t, double p, View view) {
    if (p == 0) return;
    if (order.empty()) return down(row, p, view);
    const std::size_t at = page_.offsets[row] + order[t];
    view.examined |= std::size_t{1} << at;
    const double alpha = page_.attraction[at];
    const double sigma = page_.satisfaction.empty() ? 1 : page_.satisfaction[at];
    const auto then = [&](double q, OutcomeSplit split, bool click, End end) {
      View next = view;
      if (click) next.clicked |= std::size_t{1} << at;
      double go = split.go_on, back = split.leave_row;
      if (t + 1 == order.size()) {
        back += go;
        go = 0;
      } else if (ends_window[t]) {
        back += go * (1 - type_->swipe);
        go *= type_->swipe;
      }
      View left = next;
      left.end = end;
      views_[left] += p * q * split.exit;
      down(row, p * q * back, next);
      if (go > 0) cell(row, order, ends_window, t + 1, p * q * go, next);
    };
    OutcomeSplit tired = type_->no_click;
    const double decay = std::exp(-type_->fatigue.row * static_cast<double>(row)) *
                         std::exp(-type_->fatigue.column * static_cast<double>(t));
    tired.exit += tired.go_on * (1 - decay);
    tired.go_on *= decay;
    then(1 - alpha, tired, false, End::kTired);
    then(alpha * (1 - sigma), type_->click, true, End::kUnsatisfied);
    then(alpha * sigma, type_->satisfied_click, true, End::kSatisfied);
  }

  void down(std::size_t row, double p, View view) {
    const bool last = row + 2 == page_.offsets.size();
    double next = last ? 0 : type_->next_row.at(row);
    for (auto f = type_->fold.rows; f <= static_cast<std::int64_t>(row) + 1; f += type_->fold.step)
      if (f == static_cast<std::int64_t>(row) + 1) next *= type_->fold.probability;
    View scanned = view;
    scanned.end = End::kScanned;
    views_[scanned] += p * (1 - next);
    if (next > 0) scan(row + 1, p * next, view);
  }

  double entry(std::size_t row) const {
    const double own = type_->row_entry.at(row);
    const RowEntryLogit& logit = type_->row_entry_logit;
    if (std::isinf(logit.bias)) return own;
    const auto windows = windows_of(row);
    double z = logit.bias + logit.position * static_cast<double>(row);
    if (!page_.heading.empty()) z += logit.heading * page_.heading[row];
    double sum = 0;
    if (!windows.empty()) {
      for (const std::size_t k : windows[0]) {
        const double alpha = page_.attraction[page_.offsets[row] + k];
        sum += std::log(alpha) - std::log(1 - alpha);
      }
      z += logit.visible * sum / static_cast<double>(windows[0].size());
    }
    return own / (1 + std::exp(-z));
  }

  std::vector<std::vector<std::size_t>> windows_of(std::size_t row) const {
    const std::size_t n = page_.offsets[row + 1] - page_.offsets[row];
    const std::size_t first = type_->visible > 0 ? static_cast<std::size_t>(type_->visible) : n;
    const std::size_t later =
        type_->swipe_step > 0 ? static_cast<std::size_t>(type_->swipe_step) : first;
    std::vector<std::vector<std::size_t>> windows;
    for (std::size_t k = 0; k < n;) {
      std::vector<std::size_t>& window = windows.emplace_back();
      const std::size_t end = std::min(n, k + (windows.size() == 1 ? first : later));
      for (; k < end; ++k) window.push_back(k);
    }
    return windows;
  }

  const DrawnPage& page_;
  const CarouselPageConfig* type_ = nullptr;
  std::map<View, double> views_;
};

bool bit(std::size_t bits, std::size_t j) { return ((bits >> j) & 1) != 0; }

constexpr double kClose = 1e-12;

void compare_conditional(const CarouselPage& model, const DrawnPage& page, const AllViews& all) {
  const std::size_t n = page.size();
  double total = 0;
  for (std::size_t pattern = 0; pattern < (std::size_t{1} << n); ++pattern) {
    const std::vector<std::uint8_t> clicks = clicks_of(pattern, n);
    std::vector<double> q(n);
    model.conditional(page.cells(), clicks, q);
    for (std::size_t j = 0; j < n; ++j) {
      const std::size_t before = (std::size_t{1} << j) - 1;
      const double past =
          all.p([&](const View& v) { return (v.clicked & before) == (pattern & before); });
      const double both = all.p([&](const View& v) {
        return (v.clicked & before) == (pattern & before) && bit(v.clicked, j);
      });
      if (past < 1e-9) continue;
      REQUIRE(q[j] == Approx(both / past).margin(1e-10).epsilon(0));
    }
    total += p_clicks(model, page, clicks);
  }
  CHECK(total == Approx(1).margin(kClose));
}

void compare_given_click(const CarouselPage& model, const DrawnPage& page, const AllViews& all) {
  for (std::size_t clicked = 0; clicked < page.size(); ++clicked) {
    std::vector<double> given(page.size());
    model.examination_given_click(page.cells(), clicked, given);
    const double click = all.p([&](const View& v) { return bit(v.clicked, clicked); });
    for (std::size_t j = 0; j < page.size(); ++j) {
      const double both =
          all.p([&](const View& v) { return bit(v.clicked, clicked) && bit(v.examined, j); });
      const double expected = click > 0 ? both / click : 0;
      REQUIRE(given[j] == Approx(expected).margin(1e-10).epsilon(0));
    }
  }
}

void compare(const std::string& yaml, const DrawnPage& page) {
  INFO(yaml);
  const YAML::Node node = YAML::Load(yaml);
  const std::vector<CarouselUserType> types =
      read_carousel_page(PluginConfig{node, {"page.yaml", "model"}});
  const CarouselPage model(types);
  const AllViews all(types, page);
  REQUIRE(all.p([](const View&) { return true; }) == Approx(1).margin(kClose));

  const Marginals exact = marginals(model, page);
  double examined = 0, clicks = 0;
  for (std::size_t j = 0; j < page.size(); ++j) {
    const double e = all.p([&](const View& v) { return bit(v.examined, j); });
    const double c = all.p([&](const View& v) { return bit(v.clicked, j); });
    REQUIRE(exact.examination[j] == Approx(e).margin(kClose).epsilon(0));
    REQUIRE(exact.click[j] == Approx(c).margin(kClose).epsilon(0));
    examined += e;
    clicks += c;
  }
  CHECK(model.expected_examined(page.cells()) == Approx(examined).margin(kClose));
  CHECK(model.expected_clicks(page.cells()) == Approx(clicks).margin(kClose));

  const std::vector<double> pmf = model.n_clicks(page.cells());
  REQUIRE(pmf.size() == page.size() + 1);
  for (std::size_t n = 0; n < pmf.size(); ++n)
    REQUIRE(pmf[n] == Approx(all.p([&](const View& v) {
                        return static_cast<std::size_t>(__builtin_popcountll(v.clicked)) == n;
                      }))
                          .margin(kClose)
                          .epsilon(0));
  CHECK(model.no_click(page.cells()) == Approx(pmf[0]).margin(kClose).epsilon(0));

  const PageEnd end = model.end(page.cells());
  const auto ends = [&](End which) {
    return Approx(all.p([&](const View& v) { return v.end == which; })).margin(kClose).epsilon(0);
  };
  CHECK(end.satisfied == ends(End::kSatisfied));
  CHECK(end.unsatisfied == ends(End::kUnsatisfied));
  CHECK(end.tired == ends(End::kTired));
  CHECK(end.scanned == ends(End::kScanned));
  CHECK(end.satisfied + end.abandoned() == Approx(1).margin(kClose));

  compare_conditional(model, page, all);
  compare_given_click(model, page, all);
}

const char* const kSplits =
    "no_click: {continue: .7, leave_row: .2, exit: .1}, "
    "click: {continue: .5, leave_row: .3, exit: .2}, "
    "satisfied_click: {continue: .2, leave_row: .25, exit: .55}";

}  // namespace

TEST_CASE("carousel_page on plain pages equals the sum over all the ways to read them",
          "[carousel_page]") {
  Stream stream = Rng(5).stream(Draw::kWorld, {});
  for (const std::vector<std::size_t>& sizes :
       {std::vector<std::size_t>{2, 2}, {3, 3}, {1}, {5}, {1, 2, 3}, {2, 0, 3}, {0, 2}})
    compare(fmt::format("{{row_entry: .7, next_row: .8, {}}}", kSplits), DrawnPage(sizes, stream));
  const DrawnPage sure({{0, 1, .5}, {1, 0, .5}});
  compare(fmt::format("{{row_entry: .7, next_row: 1, {}}}", kSplits), sure);
}

TEST_CASE(
    "carousel_page with windows, mirrored swipes, a fold and fatigue equals the sum over all "
    "the ways to read the page",
    "[carousel_page]") {
  Stream stream = Rng(6).stream(Draw::kWorld, {});
  const std::string common = fmt::format(
      "row_entry: [.9, .6, .8], next_row: [.8, .7], swipe: .4, "
      "fold: {{rows: 1, step: 1, probability: .6}}, fatigue: {{row: .3, column: .2}}, {}",
      kSplits);
  for (const std::vector<std::size_t>& sizes :
       {std::vector<std::size_t>{3, 3}, {4, 2}, {1, 5}, {2, 3, 1}})
    for (const char* window :
         {"visible: 1, swipe_step: 1", "visible: 1", "visible: 2, swipe_step: 1", "visible: 2"})
      for (const char* mirror : {"0", ".4", "1"})
        compare(fmt::format("{{{}, mirror: {}, {}}}", common, mirror, window),
                DrawnPage(sizes, stream));
  // Windows of three, the last one cut: read 1 2 3, 6 5 4, 8 7 when mirrored.
  compare(fmt::format("{{visible: 3, swipe_step: 3, swipe: .6, mirror: .5, {}}}", kSplits),
          DrawnPage({8}, stream));
}

TEST_CASE("user types mix whole page views and start from the keys of the model",
          "[carousel_page]") {
  Stream stream = Rng(7).stream(Draw::kWorld, {});
  const std::string yaml = fmt::format(
      "{{row_entry: [.9, .6], next_row: .8, visible: 2, swipe: .5, mirror: .3, {}, user_types: ["
      "{{share: .5}}, "
      "{{share: .3, visible: 1, mirror: .7, fatigue: {{row: .5}}, "
      "fold: {{rows: 1, probability: .5}}}}, "
      "{{share: .2, row_entry: 1, row_entry_logit: {{bias: .5, heading: .8, visible: .4, "
      "position: -.3}}, no_click: {{continue: .9, leave_row: .1, exit: 0}}}}]}}",
      kSplits);
  for (const std::vector<std::size_t>& sizes : {std::vector<std::size_t>{2, 3}, {3, 3}, {4, 1}})
    compare(yaml, DrawnPage(sizes, stream));
}

TEST_CASE("carousel_page conserves mass on a large page with everything on", "[carousel_page]") {
  Stream stream = Rng(8).stream(Draw::kWorld, {});
  const DrawnPage page(std::vector<std::size_t>(10, 15), stream);
  const CarouselPage model = carousel_page(
      "{row_entry_logit: {bias: 1, visible: .5, position: -.1}, next_row: .9, visible: 5, "
      "swipe: .3, mirror: .6, fold: {rows: 3, step: 2, probability: .7}, "
      "fatigue: {row: .05, column: .02}, user_types: [{share: .6}, {share: .4, visible: 3}]}");
  const PageEnd end = model.end(page.cells());
  CHECK(end.satisfied + end.abandoned() == Approx(1).epsilon(1e-12));
  double sum = 0, mean = 0;
  const std::vector<double> pmf = model.n_clicks(page.cells());
  for (std::size_t n = 0; n < pmf.size(); ++n) {
    sum += pmf[n];
    mean += static_cast<double>(n) * pmf[n];
  }
  CHECK(sum == Approx(1).epsilon(1e-12));
  CHECK(mean == Approx(model.expected_clicks(page.cells())).epsilon(1e-12));
  CHECK(pmf[0] == Approx(model.no_click(page.cells())).epsilon(1e-12));
  // Examination given each click, weighted, is examination together with that click.
  const Marginals exact = marginals(model, page);
  for (const std::size_t clicked : {0, 7, 40, 149}) {
    std::vector<double> given(page.size());
    model.examination_given_click(page.cells(), clicked, given);
    CHECK(given[clicked] == Approx(1).epsilon(1e-12));
    for (std::size_t j = 0; j < page.size(); ++j)
      REQUIRE(given[j] * exact.click[clicked] <= exact.examination[j] * (1 + 1e-12));
  }
}
