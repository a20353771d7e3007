// Slates whose next choice depends on the set above alone: sums over sets are those over orders.
#include "sim/slate/set_walk.h"

#include <cmath>

#include "sim/core/rng.h"
#include "sim/slate/rules.h"
#include "tests/catch.h"
#include "tests/sim/slate_checks.h"

using namespace rehearsal;
using namespace rehearsal::testing;

namespace {

constexpr std::uint16_t kNoRules = SlateRules::kFree;

std::vector<double> random_weights(std::size_t n, std::uint64_t seed) {
  Stream stream = Rng(seed).stream(Draw::kWorld, {});
  std::vector<double> weights(n);
  for (double& weight : weights) weight = 4 * stream.uniform() - 2;
  return weights;
}

std::unique_ptr<SlateDistribution> under(const SlateDistribution& orders,
                                         std::vector<std::uint16_t> position,
                                         std::vector<std::uint8_t> limited, std::size_t most,
                                         std::uint16_t l) {
  return restrict_slates(orders,
                         std::make_shared<SlateRules>(orders.choice_offsets(), std::move(position),
                                                      std::move(limited), most),
                         {l});
}

/// What wants next what the sum over those above says, whatever their order.
class Sums final : public NextChoice {
 public:
  explicit Sums(std::vector<std::uint16_t> kinds) : kinds_(std::move(kinds)) {}
  void logits(std::size_t, const Prefixes& prefixes, Eigen::Ref<RowMatrix> out) const override {
    rows += prefixes.n;
    for (std::size_t r = 0; r < prefixes.n; ++r) {
      double sum = 0;
      for (const std::uint16_t c : prefixes.row(r)) sum += 1.0 / (1 + kinds_[c]);
      for (Eigen::Index c = 0; c < out.cols(); ++c)
        out(static_cast<Eigen::Index>(r), c) =
            std::sin(2 * sum + 3.0 * kinds_[static_cast<std::size_t>(c)]);
    }
  }
  std::vector<std::uint16_t> kinds(std::size_t) const override { return kinds_; }

  mutable std::size_t rows = 0;

 private:
  std::vector<std::uint16_t> kinds_;
};

}  // namespace

TEST_CASE("Plackett-Luce and uniform slates under rules agree with their enumeration") {
  const std::vector<std::uint8_t> limited{1, 0, 1, 0, 0, 1, 0};
  const std::vector<std::uint16_t> free(7, kNoRules);
  const std::vector<std::uint16_t> pinned{kNoRules, kNoRules, 2, kNoRules, kNoRules, kNoRules, 0};
  const std::vector<double> unlike = random_weights(7, 3);
  const std::vector<double> few{0.4, 0.4, 0.4, -1, 0.4, -1, 2};
  for (const auto& weights : {unlike, few, std::vector<double>(7, 0.0)}) {
    const auto orders = make_plackett_luce({0, 7}, {7}, weights);
    for (const auto& position : {free, pinned})
      for (const std::size_t most : {0u, 1u, 2u, 7u})
        check_against_enumeration(*under(*orders, position, limited, most, 4), 0, 1e-12);
    check_against_enumeration(*under(*orders, pinned, limited, 1, 7), 0, 1e-12);
  }
  const auto uniform = make_uniform({0, 7}, {7});
  check_against_enumeration(*under(*uniform, pinned, limited, 1, 5), 0, 1e-12);
  // Five of ten modules: 30,240 pages.
  std::vector<std::uint8_t> three(10);
  three[1] = three[4] = three[7] = 1;
  check_against_enumeration(*under(*make_plackett_luce({0, 10}, {10}, random_weights(10, 5)),
                                   {kNoRules, kNoRules, 1, kNoRules, kNoRules, kNoRules, kNoRules,
                                    kNoRules, kNoRules, kNoRules},
                                   three, 1, 5),
                            0, 1e-12);
}

TEST_CASE("a model that sees a set is asked once a set, and once for all that are alike") {
  const auto unlike = std::make_shared<Sums>(std::vector<std::uint16_t>{0, 1, 2, 3, 4, 5});
  check_against_enumeration(*make_sequential({0, 6}, {4}, unlike, 0.7), 0, 1e-12);
  const auto rows_of = [](const std::shared_ptr<Sums>& next, std::uint16_t m, std::uint16_t l) {
    next->rows = 0;
    RowMatrix out(l, m);
    make_sequential({0, m}, {l}, next)->marginals(0, out);
    return next->rows;
  };
  CHECK(rows_of(unlike, 6, 4) == 1 + 6 + 15 + 20);
  const auto pairs = std::make_shared<Sums>(std::vector<std::uint16_t>{0, 1, 0, 1, 2, 0});
  check_against_enumeration(*make_sequential({0, 6}, {5}, pairs, 0.7), 0, 1e-12);
  CHECK(rows_of(pairs, 6, 3) == 1 + 3 + 5);
}

TEST_CASE("rules part what is alike where they treat it differently, and only there") {
  const std::vector<std::uint16_t> alike{0, 0, 0, 0, 1};
  const auto kinds = [&](std::vector<std::uint16_t> position, std::vector<std::uint8_t> limited,
                         std::size_t most) {
    return SlateRules({0, 5}, std::move(position), std::move(limited), most).kinds(0, alike);
  };
  const std::vector<std::uint16_t> free(5, kNoRules);
  CHECK(kinds(free, {0, 0, 0, 0, 0}, 0) == alike);
  CHECK(kinds(free, {1, 0, 1, 0, 1}, 1) == std::vector<std::uint16_t>{0, 1, 0, 1, 2});
  CHECK(kinds(free, {1, 0, 1, 0, 1}, 3) == alike);  // no limit binds
  CHECK(kinds({kNoRules, 2, kNoRules, kNoRules, kNoRules}, {0, 0, 0, 0, 0}, 0) ==
        std::vector<std::uint16_t>{0, 1, 0, 0, 2});
  CHECK(SlateRules({0, 2}, {kNoRules, kNoRules}, {0, 0}, 0).kinds(0, {}).empty());
}

TEST_CASE("sets reach where orders are too many") {
  // Thirty of sixty are limited, one is let in: 60!/50! pages of two kinds.
  std::vector<std::uint8_t> limited(60);
  for (std::size_t c = 0; c < 30; ++c) limited[c] = 1;
  const auto slates =
      under(*make_uniform({0, 60}, {60}), std::vector<std::uint16_t>(60, kNoRules), limited, 1, 10);
  RowMatrix marginals(10, 60), pairs(600, 600);
  slates->marginals(0, marginals);
  double none_yet = 1;  // of the limited, above
  for (Eigen::Index k = 0; k < 10; ++k) {
    const double now = 30 / (60.0 - static_cast<double>(k));
    CHECK(std::abs(marginals(k, 7) - none_yet * now / 30) < 1e-14);
    CHECK(std::abs(marginals(k, 42) - (1 - none_yet * now) / 30) < 1e-14);
    none_yet *= 1 - now;
  }
  REQUIRE(slates->pair_marginals(0, pairs));
  CHECK(pairs(3, 60 + 4) == 0);
  // Sixteen unlike choices, half of them placed: 518,918,400 slates.
  const auto unlike = make_plackett_luce({0, 16}, {8}, random_weights(16, 9));
  RowMatrix of_pairs(128, 128), of_single(8, 16);
  REQUIRE(unlike->pair_marginals(0, of_pairs));
  unlike->marginals(0, of_single);
  CHECK(pair_error(of_pairs, of_single) < 1e-12);
  // The same without quadrature: an order that rules do not touch.
  const auto orders = make_plackett_luce({0, 16}, {16}, random_weights(16, 9));
  const auto ruled =
      under(*orders, std::vector<std::uint16_t>(16, kNoRules), std::vector<std::uint8_t>(16), 0, 8);
  RowMatrix by_sets(8, 16);
  ruled->marginals(0, by_sets);
  CHECK((by_sets - of_single).cwiseAbs().maxCoeff() < 1e-12);
}
