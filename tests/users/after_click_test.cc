#include "users/after_click.h"

#include <array>
#include <cmath>

#include "tests/catch.h"

using namespace rehearsal;

namespace {

/// Mean and standard error of a sum.
struct Sampled {
  double n = 0, sum = 0, squares = 0;
  void add(double x) {
    n += 1;
    sum += x;
    squares += x * x;
  }
  double mean() const { return sum / n; }
  double standard_error() const { return std::sqrt((squares / n - mean() * mean()) / n); }
};

void check_mean(const char* what, const Sampled& sampled, double exact) {
  INFO(what << ": " << sampled.mean() << " against " << exact);
  CHECK(std::abs(sampled.mean() - exact) < 4 * sampled.standard_error());
}

}  // namespace

TEST_CASE("dwell of median 24.5 s and spread 1.1 satisfies more than 30 s in .427436 of clicks",
          "[after_click]") {
  AfterClickConfig config;
  config.dwell_log_mean = 3.2;
  config.dwell_log_sd = 1.1;
  CHECK(AfterClick(config).satisfaction({}) == Approx(0.427436).margin(5e-7));
}

TEST_CASE("what follows a click comes as often as its exact expectations say", "[after_click]") {
  const AfterClick after(AfterClickConfig{});
  for (const ItemForUser& item : {ItemForUser{0, 0, 10}, {1.5, -1, 10}, {-2, 2, 10}}) {
    const ExpectedClick exact = after.expected(item);
    Sampled dwell, satisfied, like, share, hide, cart, purchase, delay;
    for (std::uint32_t u = 0; u < 200000; ++u) {
      Stream stream = Rng(4).stream(Draw::kAfterClick, {UserId{u}});
      const std::uint32_t word = Rng(4).stream(Draw::kResponse, {UserId{u}})();
      const ClickedItem clicked = after.sample(item, word, stream);
      REQUIRE(clicked.satisfied == (Stream::to_uniform(word) < after.satisfaction(item)));
      REQUIRE(clicked.satisfied == (clicked.dwell > 30));
      REQUIRE((clicked.cart || !clicked.purchase));
      REQUIRE((clicked.delay > 0) == clicked.purchase);
      dwell.add(clicked.dwell);
      satisfied.add(clicked.satisfied);
      like.add(clicked.like);
      share.add(clicked.share);
      hide.add(clicked.hide);
      cart.add(clicked.cart);
      purchase.add(clicked.purchase);
      if (clicked.purchase) delay.add(clicked.delay);
    }
    check_mean("dwell", dwell, exact.dwell);
    check_mean("satisfied", satisfied, exact.satisfied);
    check_mean("like", like, exact.like);
    check_mean("share", share, exact.share);
    check_mean("hide", hide, exact.hide);
    check_mean("cart", cart, exact.cart);
    check_mean("purchase", purchase, exact.purchase);
    check_mean("delay", delay, after.expected_delay());
  }
}

TEST_CASE("reactions to one item go together through dwell, and hiding against them",
          "[after_click]") {
  AfterClickConfig config;
  config.like = {-1, 0, 0, 1};
  config.share = {-1, 0, 0, 1};
  config.hide = {-1, 0, 0, -1};
  const AfterClick after(config);
  std::array<double, 3> n{}, both{};
  constexpr std::uint32_t kDraws = 50000;
  for (std::uint32_t u = 0; u < kDraws; ++u) {
    Stream stream = Rng(6).stream(Draw::kAfterClick, {UserId{u}});
    const ClickedItem clicked =
        after.sample({}, Rng(6).stream(Draw::kResponse, {UserId{u}})(), stream);
    n[0] += clicked.like;
    n[1] += clicked.share;
    n[2] += clicked.hide;
    both[1] += clicked.like && clicked.share;
    both[2] += clicked.like && clicked.hide;
  }
  CHECK(both[1] / kDraws > 1.2 * n[0] / kDraws * n[1] / kDraws);
  CHECK(both[2] / kDraws < 0.9 * n[0] / kDraws * n[2] / kDraws);
}
