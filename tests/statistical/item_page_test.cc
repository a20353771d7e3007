#include <array>
#include <cmath>

#include "tests/catch.h"
#include "tests/item_page_fixture.h"
#include "users/carousel_row.h"

using namespace rehearsal;

namespace {

constexpr std::uint32_t kUsers = 100000;
constexpr std::uint16_t kRounds = 10;  // a million pages in all

/// Sum of (outcome - probability), in standard errors.
struct Deviation {
  double difference = 0;
  double variance = 0;
  double expected = 0;

  void add(double outcome, double p) {
    difference += outcome - p;
    variance += p * (1 - p);
    expected += p;
  }
  double z() const { return variance > 0 ? difference / std::sqrt(variance) : difference; }
};

/// What is compared, by device.
struct Frequencies {
  std::array<std::array<Deviation, 5>, 2> examined, click, purchase;  // by slot
  std::array<std::array<Deviation, 8>, 2> clicked_item;               // by place in the row
  std::array<Deviation, 2> no_click, swiped;                          // by page; by row
  std::array<double, 10> eligible{};
  double revenue = 0, expected_revenue = 0, revenue_squares = 0;
  double clicks = 0, purchases = 0, expected_clicks = 0, expected_purchases = 0;
};

/// P(a second window | row entered, nothing clicked), by summing over where browsing ends.
double second_window(const RowBrowsing& row, std::span<const double> attraction) {
  double reached = 1, first = 0, later = 0;
  for (std::size_t k = 0; k < attraction.size(); ++k) {
    double on = k + 1 == attraction.size() ? 0 : row.go_on;
    if ((k + 1) % row.window == 0) on *= row.swipe;
    const double ends = reached * (1 - attraction[k]) * (1 - on);
    (k < row.window ? first : later) += ends;
    reached *= (1 - attraction[k]) * on;
  }
  return later / (first + later);
}

class Comparison {
 public:
  Comparison(const std::string& world_yaml, const std::string& users_yaml, bool rows)
      : page_(world_yaml, users_yaml, 1), rows_(rows) {
    for (const double quality : page_.world->parameters().at("item_quality").values)
      attraction_.push_back(1 / (1 + std::exp(2.5 - 0.5 * quality)));
  }

  Frequencies run() {
    RequestBatch requests;
    ResponseBatch responses;
    TruthBatch truth;
    for (std::uint16_t round = 0; round < kRounds; ++round)
      for (std::uint32_t first = 0; first < kUsers; first += 10000) {
        std::vector<Turn> turns;
        for (std::uint32_t u = first; u < first + 10000; ++u)
          turns.push_back({UserId{u}, 0, round});
        page_.world->requests(turns, rng_, requests);
        const PageBatch pages = fixed_pages(requests, round, 10);
        page_.users->respond(requests, pages, rng_, responses, &truth);
        const ExpectedBatch expected = page_.users->expected(requests, pages);
        for (const std::uint16_t module : requests.module) ++out_.eligible[module];
        for (std::size_t i = 0; i < requests.size(); ++i)
          add_page(requests, pages, responses, truth, expected, i);
      }
    return out_;
  }

  const ItemPage& page() const { return page_; }

 private:
  void add_page(const RequestBatch& requests, const PageBatch& pages,
                const ResponseBatch& responses, const TruthBatch& truth,
                const ExpectedBatch& expected, std::size_t i) {
    const std::size_t device = requests.features(i)[0] > 0 ? 1 : 0;
    double p_no_click = 1, any = 0;
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::size_t at = pages.slot_offsets[i] + k;
      out_.examined[device][k].add(truth.examined[at], expected.examination[at]);
      out_.click[device][k].add(responses.click[at], expected.click[at]);
      out_.purchase[device][k].add(responses.purchase[at], expected.purchase[at]);
      p_no_click *= 1 - expected.click[at];
      any += responses.click[at];
      out_.clicks += responses.click[at];
      out_.purchases += responses.purchase[at];
      out_.expected_clicks += expected.click[at];
      out_.expected_purchases += expected.purchase[at];
      out_.revenue += responses.revenue[at];
      out_.revenue_squares += responses.revenue[at] * responses.revenue[at];
      out_.expected_revenue += expected.revenue[at];
      if (rows_) add_row(pages, responses, truth, device, at);
    }
    out_.no_click[device].add(any == 0 ? 1 : 0, p_no_click);
  }

  void add_row(const PageBatch& pages, const ResponseBatch& responses, const TruthBatch& truth,
               std::size_t device, std::size_t at) {
    const std::size_t first = pages.item_offsets[at];
    const RowBrowsing row{0.85, 0.25, device == 1 ? std::size_t{3} : std::size_t{5}};
    std::array<double, 8> attraction, click;
    for (std::size_t j = 0; j < 8; ++j) attraction[j] = attraction_[pages.item[first + j]];
    if (responses.click[at] != 0) {
      const double sum = row_clicks(row, attraction, click);
      for (std::size_t j = 0; j < 8; ++j)
        out_.clicked_item[device][j].add(responses.item_click[first + j], click[j] / sum);
    } else if (truth.examined[at] != 0) {
      out_.swiped[device].add(responses.impression[first + row.window],
                              second_window(row, attraction));
    }
  }

  ItemPage page_;
  bool rows_;
  std::vector<double> attraction_;
  Rng rng_{77};
  Frequencies out_;
};

void check_slots(const Frequencies& seen) {
  for (std::size_t device = 0; device < 2; ++device)
    for (std::size_t slot = 0; slot < 5; ++slot) {
      INFO("device " << device << ", slot " << slot);
      CHECK(seen.click[device][slot].expected > 1000);
      CHECK(seen.purchase[device][slot].expected > 30);
      CHECK(std::abs(seen.examined[device][slot].z()) < 4);
      CHECK(std::abs(seen.click[device][slot].z()) < 4);
      CHECK(std::abs(seen.purchase[device][slot].z()) < 4);
    }
  // A purchase is rare, so its variance is nearly its second moment.
  CHECK(std::abs(seen.revenue - seen.expected_revenue) < 4 * std::sqrt(seen.revenue_squares));
}

}  // namespace

TEST_CASE("a million pages: frequencies are the closed forms, by slot, device, page and row",
          "[.slow]") {
  Comparison comparison("{users: 100000}", "{}", true);
  const Frequencies seen = comparison.run();
  check_slots(seen);
  for (std::size_t device = 0; device < 2; ++device) {
    CHECK(std::abs(seen.no_click[device].z()) < 4);
    CHECK(std::abs(seen.swiped[device].z()) < 4);
    for (std::size_t j = 0; j < 8; ++j) {
      INFO("device " << device << ", item " << j);
      CHECK(seen.clicked_item[device][j].expected > 20);
      CHECK(std::abs(seen.clicked_item[device][j].z()) < 4);
    }
  }
  const double n = double{kUsers} * kRounds;
  const std::vector<double>& rate = comparison.page().world->parameters().at("eligibility").values;
  for (std::size_t m = 0; m < 10; ++m)
    CHECK(std::abs(seen.eligible[m] - n * rate[m]) <= 4 * std::sqrt(n * rate[m] * (1 - rate[m])));
  // The size of the paper's setting.
  CHECK(seen.expected_clicks / n > 0.08);
  CHECK(seen.expected_clicks / n < 0.14);
  CHECK(seen.expected_purchases / n > 0.003);
  CHECK(seen.expected_purchases / n < 0.009);
}

TEST_CASE("a million pages with every option: frequencies are the closed forms", "[.slow]") {
  // Purchases are frequent here, or the stop after one would hardly show.
  Comparison comparison(
      "{users: 100000, items: 6000, purchase_logit: 0.5, click_logit: -1.5}",
      "{cascade_stop: 0.7, repeat_discount: 0.5, item_order_effect: 1, substitutes: 0.6}", false);
  check_slots(comparison.run());
}
