#include "analysis/discounted_gain.h"

#include <algorithm>
#include <numeric>

#include "sim/core/error.h"
#include "sim/core/rng.h"
#include "tests/catch.h"

using namespace rehearsal;

namespace {

const std::vector<std::uint32_t> kThreeByFour{0, 4, 8, 12};

/// All ways to give rows different categories (or none).
double best_by_enumeration(const std::vector<std::uint32_t>& offsets,
                           const std::vector<std::vector<double>>& available,
                           const PageDiscount& discount) {
  const std::size_t n = offsets.size() - 1;
  std::vector<std::size_t> order(std::max(n, available.size()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  double best = 0;
  do {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (order[i] >= available.size()) continue;
      std::vector<double> relevance = available[order[i]];
      std::sort(relevance.rbegin(), relevance.rend());
      // Discounts of a row grow along it.
      for (std::size_t j = 0;
           j < std::min<std::size_t>(relevance.size(), offsets[i + 1] - offsets[i]); ++j)
        sum += (std::pow(2, relevance[j]) - 1) / discount.at(i, j);
    }
    best = std::max(best, sum);
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

}  // namespace

TEST_CASE("2DCG, its ideal and their ratio are those of the golden vectors") {
  const std::vector<double> relevance{1, 0, 0, 1, 0, 2, 0, 0, 3, 0, 0, 0};
  const PageRelevance page{kThreeByFour, relevance};
  CHECK(discounted_gain(page) == Approx(6.430677).margin(1e-6));
  CHECK(ideal_discounted_gain(kThreeByFour, relevance) == Approx(10.023719).margin(1e-6));
  CHECK(normalized_discounted_gain(page) == Approx(.641546).margin(1e-6));
  const std::vector<double> none(12, 0.0);
  CHECK(normalized_discounted_gain({kThreeByFour, none}) == 0);
}

TEST_CASE("the discount is log2 of row plus column, and hidden rows and columns are charged") {
  const PageDiscount plain;
  CHECK(plain.at(0, 0) == 1);
  CHECK(plain.at(1, 1) == 2);
  CHECK(plain.at(2, 4) == 3);
  PageDiscount charged;
  charged.hidden = 4;
  charged.visible_rows = 2;
  charged.visible_columns = 3;
  charged.row_step = 1;
  charged.column_step = 2;
  CHECK(charged.at(1, 2) == Approx(std::log2(5)));           // all visible
  CHECK(charged.at(2, 0) == Approx(std::log2(4 + 4)));       // a scroll
  CHECK(charged.at(0, 3) == Approx(std::log2(5 + 4)));       // a swipe
  CHECK(charged.at(0, 4) == Approx(std::log2(6 + 4)));       // the same swipe
  CHECK(charged.at(3, 5) == Approx(std::log2(10 + 8 + 8)));  // two of each
  for (const auto& [row, column, hidden] :
       {std::array{0.5, 0.5, 0.0}, {-1.0, 3.0, 0.0}, {1.0, 1.0, -1.0}, {std::nan(""), 1.0, 0.0}}) {
    PageDiscount bad;
    bad.row = row;
    bad.column = column;
    bad.hidden = hidden;
    CHECK_THROWS_AS(bad.at(0, 0), Error);
  }
}

TEST_CASE("a repeated item counts at its first place by anti-diagonals alone") {
  // Item 7 stands at (1,3), (2,1) and (3,2): diagonals 2, 1 and 3.
  const std::vector<std::uint32_t> offsets{0, 3, 5, 8};
  const std::vector<std::uint32_t> item{1, 2, 7, 7, 4, 5, 7, 6};
  const std::vector<double> relevance{1, 1, 2, 2, 0, 1, 2, 3};
  CHECK(without_repeats({offsets, relevance}, item) == std::vector<double>{1, 1, 0, 2, 0, 1, 0, 3});
  // The same diagonal: the row above comes first.
  const std::vector<std::uint32_t> square{0, 2, 4};
  const std::vector<std::uint32_t> twice{1, 9, 9, 2};
  const std::vector<double> ones(4, 1.0);
  CHECK(without_repeats({square, ones}, twice) == std::vector<double>{1, 1, 0, 1});
}

TEST_CASE("no page of the same relevances has a larger 2DCG than the ideal") {
  const std::vector<std::uint32_t> offsets{0, 2, 5};
  std::vector<double> relevance{0, 1, 1, 2, 3};
  const double ideal = ideal_discounted_gain(offsets, relevance);
  double best = 0;
  do best = std::max(best, discounted_gain({offsets, relevance}));
  while (std::next_permutation(relevance.begin(), relevance.end()));
  CHECK(ideal == Approx(best).epsilon(1e-12));
  const std::vector<double> few{2};
  CHECK(ideal_discounted_gain(offsets, few) == Approx(3));
  const std::vector<double> many{1, 1, 1, 1, 1, 1, 5};
  CHECK(ideal_discounted_gain(offsets, many) < 31 + 6);
}

TEST_CASE("the ideal by category is the best of all assignments of categories to rows") {
  Stream stream = Rng(11).stream(Draw::kWorld, {});
  const std::vector<std::uint32_t> offsets{0, 3, 4, 8, 10};
  for (const std::size_t n_categories : {1, 3, 4, 6}) {
    for (int repeat = 0; repeat < 5; ++repeat) {
      std::vector<std::vector<double>> available(n_categories);
      for (std::vector<double>& category : available)
        for (std::uint32_t n = 1 + stream() % 5; n > 0; --n)
          category.push_back(static_cast<double>(stream() % 4));
      const PageDiscount discount;
      const double best = best_by_enumeration(offsets, available, discount);
      CHECK(ideal_discounted_gain_by_category(offsets, available, discount) ==
            Approx(best).epsilon(1e-12));
      std::vector<double> all;
      for (const std::vector<double>& category : available)
        all.insert(all.end(), category.begin(), category.end());
      CHECK(best <= ideal_discounted_gain(offsets, all, discount) + 1e-12);
    }
  }
}
