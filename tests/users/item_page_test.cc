#include <cmath>
#include <functional>

#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "tests/catch.h"
#include "tests/item_page_fixture.h"
#include "users/carousel_row.h"

using namespace rehearsal;

namespace {

/// Every way to browse one row, from its definition: calls visit(probability, clicked item or -1,
/// windows seen).
void walk_row(const RowBrowsing& row, const std::vector<double>& attraction, std::size_t k,
              double p, const std::function<void(double, int, std::size_t)>& visit) {
  const std::size_t windows = k / row.window + 1;
  visit(p * attraction[k], static_cast<int>(k), windows);
  const double stays = p * (1 - attraction[k]);
  if (k + 1 == attraction.size()) return visit(stays, -1, windows);
  const bool boundary = (k + 1) % row.window == 0;
  const double on = boundary ? row.go_on * row.swipe : row.go_on;
  visit(stays * (1 - on), -1, windows);
  walk_row(row, attraction, k + 1, stays * on, visit);
}

/// Where P(n > w) ends on the axis of u, by bisection.
double share_beyond(const RowBrowsing& row, const std::vector<double>& attraction, std::size_t w) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (windows_without_click(row, attraction, middle) > w ? low : high) = middle;
  }
  return low;
}

/// The options and constants that the reference below knows.
struct Model {
  std::vector<double> theta[2] = {{1, .70, .52, .40, .31}, {1, .62, .42, .30, .21}};
  RowBrowsing row[2] = {{0.8, 0.3, 5}, {0.8, 0.3, 3}};
  double stop = 0;
  double repeat = 0;
  double order = 0;
  double substitutes = 0;

  std::string yaml() const {
    return "{go_on: 0.8, swipe: 0.3, item_logit: -1.5, item_quality: 0.7, cascade_stop: " +
           std::to_string(stop) + ", repeat_discount: " + std::to_string(repeat) +
           ", item_order_effect: " + std::to_string(order) +
           ", substitutes: " + std::to_string(substitutes) + "}";
  }
};

/// A page by its definition: all sequences of what may happen at each slot, one after another.
struct Reference {
  Reference(const ItemPage& page, const Model& model, const RequestBatch& requests,
            const PageBatch& pages, std::size_t i)
      : hidden(page.world->parameters()), m(model) {
    device = requests.features(i)[0] > 0 ? 1 : 0;
    const std::size_t first = pages.slot_offsets[i];
    std::vector<std::uint32_t> above;
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::span items(pages.item.data() + pages.item_offsets[first + k],
                            pages.item_offsets[first + k + 1] - pages.item_offsets[first + k]);
      std::vector<double> plain, discounted;
      for (const std::uint32_t item : items) {
        plain.push_back(logistic(-1.5 + 0.7 * hidden.at("item_quality").values[item]));
        const bool again = std::find(above.begin(), above.end(), item) != above.end();
        discounted.push_back(again ? plain.back() * (1 - m.repeat) : plain.back());
      }
      above.insert(above.end(), items.begin(), items.end());
      const std::vector<double> neutral(items.size(), logistic(-1.5));
      const std::size_t module = pages.module[first + k];
      double click = hidden.at("click_bias").values[module];
      double purchase = hidden.at("purchase_bias").values[module];
      for (std::size_t d = 0; d < 8; ++d) {
        const auto x = static_cast<double>(
            requests.latents->request(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(d)));
        click += hidden.at("click_weights").values[8 * module + d] * x;
        purchase += hidden.at("purchase_weights").values[8 * module + d] * x;
      }
      click += m.order * std::log(any_click(plain) / any_click(neutral));
      alpha.push_back(logistic(click) * any_click(discounted) / any_click(plain));
      for (std::size_t j = 0; j < k; ++j)
        alpha.back() *=
            1 - m.substitutes *
                    hidden.at("module_similarity").values[10 * module + pages.module[first + j]];
      kappa.push_back(logistic(purchase));
      price.push_back(mean_price(discounted, items));
    }
    sums.resize(alpha.size());
    walk(0, 1, true, {});
  }

  double any_click(const std::vector<double>& attraction) const {
    double sum = 0;
    walk_row(m.row[device], attraction, 0, 1,
             [&](double p, int item, std::size_t) { sum += item >= 0 ? p : 0; });
    return sum;
  }
  double mean_price(const std::vector<double>& attraction,
                    std::span<const std::uint32_t> items) const {
    double sum = 0;
    walk_row(m.row[device], attraction, 0, 1, [&](double p, int item, std::size_t) {
      if (item >= 0)
        sum += p * hidden.at("item_price").values[items[static_cast<std::size_t>(item)]];
    });
    return sum / any_click(attraction);
  }

  struct Outcome {
    bool examined = false, click = false, purchase = false;
  };
  void walk(std::size_t k, double p, bool reading, std::vector<Outcome> past) {
    if (k == alpha.size()) {
      total += p;
      for (std::size_t j = 0; j < k; ++j) {
        sums[j][0] += p * past[j].examined;
        sums[j][1] += p * past[j].click;
        sums[j][2] += p * past[j].purchase;
        sums[j][3] += p * past[j].purchase * price[j];
      }
      return;
    }
    const auto then = [&](double q, Outcome outcome, bool reads_on) {
      if (q == 0) return;
      std::vector<Outcome> next = past;
      next.push_back(outcome);
      walk(k + 1, p * q, reads_on, next);
    };
    if (!reading) return then(1, {}, false);
    const double theta = m.theta[device][k];
    then(1 - theta, {}, true);
    then(theta * (1 - alpha[k]), {true, false, false}, true);
    then(theta * alpha[k] * (1 - kappa[k]), {true, true, false}, true);
    then(theta * alpha[k] * kappa[k] * (1 - m.stop), {true, true, true}, true);
    then(theta * alpha[k] * kappa[k] * m.stop, {true, true, true}, false);
  }

  const Arrays& hidden;
  Model m;
  std::size_t device = 0;
  std::vector<double> alpha, kappa, price;
  std::vector<std::array<double, 4>> sums;
  double total = 0;
};

const std::string kWorld =
    "{users: 300, items: 480, categories: 8, sigma_c: 1.5, sigma_p: 1.5, click_logit: -0.5, "
    "purchase_logit: 0.3, eligibility_low: 0.1, eligibility_high: 0.3, always_eligible: 3}";

/// How many pages agree with the reference; checks every slot.
std::size_t compare_with_draws(const Model& model, std::uint64_t seed) {
  const ItemPage page(kWorld, model.yaml(), seed);
  RequestBatch requests;
  page.world->requests(turns_of(12), Rng(seed), requests);
  const PageBatch pages = fixed_pages(requests, seed % 10, 10);
  const ExpectedBatch expected = page.users->expected(requests, pages);
  ResponseBatch responses;
  TruthBatch truth;
  page.users->respond(requests, pages, Rng(seed), responses, &truth);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const Reference reference(page, model, requests, pages, i);
    REQUIRE(reference.total == Approx(1).epsilon(1e-12));
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::size_t at = pages.slot_offsets[i] + k;
      const std::array<double, 4>& sums = reference.sums[k];
      REQUIRE(expected.examination[at] == Approx(sums[0]).epsilon(1e-12));
      REQUIRE(expected.click[at] == Approx(sums[1]).epsilon(1e-12));
      REQUIRE(expected.purchase[at] == Approx(sums[2]).epsilon(1e-12));
      REQUIRE(expected.revenue[at] == Approx(sums[3]).epsilon(1e-6));  // prices are floats
      REQUIRE(truth.p_examination[at] == Approx(sums[0]).epsilon(1e-6));
      REQUIRE(truth.p_click[at] == Approx(sums[1]).epsilon(1e-6));
      REQUIRE(truth.p_purchase[at] == Approx(sums[2]).epsilon(1e-6));
    }
  }
  return requests.size();
}

std::string item_page_message(const std::string& users_yaml) {
  try {
    ItemPage page("{users: 10, items: 480, categories: 8}", users_yaml);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kInput);
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a row's clicks and windows are those of all the ways to browse it") {
  const std::vector<double> attraction{0.3, 0.05, 0.6, 0.2, 0.45, 0.1, 0.7, 0.25};
  for (const std::size_t window : {1, 2, 3, 5, 8, 9})
    for (const double swipe : {0.0, 0.4, 1.0}) {
      const RowBrowsing row{0.85, swipe, window};
      std::vector<double> click(8, 0), walked(8, 0), beyond(9, 0);
      double any = 0, none = 0;
      walk_row(row, attraction, 0, 1, [&](double p, int item, std::size_t windows) {
        (item >= 0 ? any : none) += p;
        if (item >= 0) walked[static_cast<std::size_t>(item)] += p;
        for (std::size_t w = 0; item < 0 && w < windows; ++w) beyond[w] += p;
      });
      CHECK(row_clicks(row, attraction, click) == Approx(any).epsilon(1e-12));
      for (std::size_t k = 0; k < 8; ++k) CHECK(click[k] == Approx(walked[k]).margin(1e-15));
      CHECK(any + none == Approx(1).epsilon(1e-12));
      for (std::size_t w = 1; w * window < 8; ++w)
        CHECK(share_beyond(row, attraction, w) == Approx(beyond[w] / none).margin(1e-12));
      CHECK(beyond[1] / none <= row.most_swipes());
    }
}

TEST_CASE("exact expectations of a page are the sums over everything that can happen on it") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) CHECK(compare_with_draws(Model{}, seed) == 12);
}

TEST_CASE("a cascade stop after a purchase has exact expectations") {
  for (const double stop : {0.5, 1.0}) {
    Model model;
    model.stop = stop;
    for (std::uint64_t seed = 1; seed <= 3; ++seed) CHECK(compare_with_draws(model, seed) == 12);
  }
}

TEST_CASE("discounted repetitions and item order have exact expectations, alone and together") {
  Model repeat;
  repeat.repeat = 0.6;
  Model order;
  order.order = 1.5;
  Model all = repeat;
  all.order = 0.7;
  all.stop = 0.8;
  for (const Model& model : {repeat, order, all})
    for (std::uint64_t seed = 1; seed <= 3; ++seed) CHECK(compare_with_draws(model, seed) == 12);
}

TEST_CASE("substitute modules have exact expectations, alone and with all page effects at once") {
  Model alone;
  alone.substitutes = 0.8;
  Model all = alone;
  all.repeat = 0.6;
  all.order = 0.7;
  all.stop = 0.8;
  for (const Model& model : {alone, all})
    for (std::uint64_t seed = 1; seed <= 4; ++seed) CHECK(compare_with_draws(model, seed) == 12);
}

TEST_CASE("simulated pages with all page effects at once are as frequent as expected") {
  const ItemPage page(kWorld,
                      "{item_logit: -1, cascade_stop: 0.8, repeat_discount: 0.6, substitutes: "
                      "0.7, item_order_effect: 0.5}",
                      6);
  RequestBatch once;
  page.world->requests(turns_of(6), Rng(4), once);
  constexpr std::uint32_t kTimes = 20000;
  RequestBatch requests = once;
  for (const std::size_t i : {0u, 1u, 2u}) {
    const std::vector<std::uint32_t> rows(kTimes, static_cast<std::uint32_t>(i));
    requests = gather(once, rows);
    auto latents = std::make_shared<Latents>();
    latents->request = once.latents->request.row(static_cast<Eigen::Index>(i)).replicate(kTimes, 1);
    requests.latents = latents;
    for (std::uint32_t t = 0; t < kTimes; ++t) requests.user[t] = t;  // other luck each time
    const PageBatch pages = fixed_pages(requests, i, 10);
    const ExpectedBatch expected = page.users->expected(requests, pages);
    ResponseBatch responses;
    page.users->respond(requests, pages, Rng(5), responses, nullptr);
    const std::size_t n_shown = pages.n_shown(0);
    REQUIRE(n_shown >= 3);
    for (std::size_t k = 0; k < n_shown; ++k) {
      double clicks = 0, purchases = 0;
      for (std::size_t t = 0; t < kTimes; ++t) {
        clicks += responses.click[t * n_shown + k];
        purchases += responses.purchase[t * n_shown + k];
      }
      const auto check = [&](double seen, double p) {
        CHECK(std::abs(seen / kTimes - p) <= 4 * std::sqrt(p * (1 - p) / kTimes));
      };
      check(clicks, expected.click[k]);
      check(purchases, expected.purchase[k]);
    }
  }
}

TEST_CASE("each option changes what it says and nothing else") {
  const ItemPage plain(kWorld, "{}", 4);
  RequestBatch requests;
  plain.world->requests(turns_of(300), Rng(4), requests);
  const PageBatch pages = fixed_pages(requests, 0, 10);
  const ExpectedBatch base = plain.users->expected(requests, pages);
  const auto differs = [&](const std::string& option, auto&& may) {
    const ItemPage other(kWorld, option, 4);
    const ExpectedBatch changed = other.users->expected(requests, pages);
    std::size_t n = 0;
    for (std::size_t i = 0; i < 300; ++i)
      for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
        const std::size_t at = pages.slot_offsets[i] + k;
        const bool different = changed.click[at] != base.click[at];
        if (different) ++n;
        REQUIRE((!different || may(at, k, changed.click[at] - base.click[at])));
      }
    return n;
  };
  CHECK(differs("{cascade_stop: 1}", [](std::size_t, std::size_t k, double change) {
          return k > 0 && change < 0;
        }) > 100);
  CHECK(differs("{repeat_discount: 0.5}", [](std::size_t, std::size_t k, double change) {
          return k > 0 && change < 0;
        }) > 100);
  CHECK(differs("{substitutes: 0.5}", [](std::size_t, std::size_t k, double change) {
          return k > 0 && change < 0;
        }) > 500);
  CHECK(differs("{item_order_effect: 1}", [](auto, auto, double) { return true; }) > 500);
}

TEST_CASE("an impression is a window that was visible or swiped to, the clicked item's always") {
  const ItemPage page(kWorld, "{item_logit: -1, swipe: 0.9, go_on: 1}", 2);
  RequestBatch requests;
  page.world->requests(turns_of(300), Rng(2), requests);
  const PageBatch pages = fixed_pages(requests, 0, 10);
  ResponseBatch responses;
  TruthBatch truth;
  page.users->respond(requests, pages, Rng(2), responses, &truth);
  std::size_t swiped = 0, clicked_late = 0;
  for (std::size_t i = 0; i < 300; ++i) {
    const std::size_t window = requests.features(i)[0] > 0 ? 3 : 5;
    for (std::size_t at = pages.slot_offsets[i]; at < pages.slot_offsets[i + 1]; ++at) {
      const std::size_t first = pages.item_offsets[at];
      std::size_t seen = 0, clicks = 0, clicked = 0, purchases = 0;
      while (seen < 8 && responses.impression[first + seen] != 0) ++seen;
      for (std::size_t j = 0; j < 8; ++j) {
        REQUIRE(responses.impression[first + j] == (j < seen ? 1 : 0));
        clicks += responses.item_click[first + j];
        purchases += responses.item_purchase[first + j];
        if (responses.item_click[first + j] != 0) clicked = j;
      }
      REQUIRE((seen % window == 0 || seen == 8));
      REQUIRE(clicks == responses.click[at]);
      REQUIRE(purchases == responses.purchase[at]);
      REQUIRE(purchases <= clicks);
      REQUIRE(clicks <= truth.examined[at]);
      if (truth.examined[at] == 0) REQUIRE(seen == window);
      if (clicks > 0) REQUIRE(seen == std::min<std::size_t>(8, (clicked / window + 1) * window));
      const double price =
          page.world->parameters().at("item_price").values[pages.item[first + clicked]];
      REQUIRE(responses.revenue[at] == (purchases > 0 ? static_cast<float>(price) : 0));
      swiped += clicks == 0 && seen > window;
      clicked_late += clicks > 0 && clicked >= window;
    }
  }
  CHECK(swiped > 50);
  CHECK(clicked_late > 20);
}

TEST_CASE("behaviour that the world's pages cannot carry is refused") {
  using Catch::Matchers::Contains;
  CHECK_THAT(item_page_message("{mobile: [1, 0.5]}"), Contains("mobile") && Contains("2 entries"));
  CHECK_THAT(item_page_message("{desktop: [1, 0.5, 1.5, 0.2, 0.1]}"), Contains("desktop"));
  CHECK_THAT(item_page_message("{swipe: -0.1}"), Contains("swipe"));
  CHECK_THAT(item_page_message("{leeve: 0.1}"), Contains("leave"));
}
