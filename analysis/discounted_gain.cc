#include "analysis/discounted_gain.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "sim/core/error.h"

namespace rehearsal {

namespace {

double gain(double relevance) { return std::exp2(relevance) - 1; }

/// How many steps of `step` bring place `at` (from 1) into view.
double steps_to(std::size_t at, std::size_t visible, std::size_t step) {
  return at <= visible ? 0 : static_cast<double>((at - visible + step - 1) / step);
}

std::vector<double> descending(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::ranges::sort(sorted, std::greater());
  return sorted;
}

/// sum of gain / discount, the largest gain at the smallest discount.
double best_sum(std::vector<double> discounts, std::span<const double> available) {
  std::ranges::sort(discounts);
  const std::vector<double> relevance = descending(available);
  double sum = 0;
  for (std::size_t k = 0; k < std::min(discounts.size(), relevance.size()); ++k)
    sum += gain(relevance[k]) / discounts[k];
  return sum;
}

std::vector<double> row_discounts(std::span<const std::uint32_t> row_offsets, std::size_t i,
                                  const PageDiscount& discount) {
  std::vector<double> out;
  for (std::size_t j = 0; j < row_offsets[i + 1] - row_offsets[i]; ++j)
    out.push_back(discount.at(i, j));
  return out;
}

/// The largest sum of worth[i][assigned(i)], rows to different columns; at least as many columns as
/// rows. The Hungarian algorithm with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(n^2 m).
double best_assignment(const std::vector<std::vector<double>>& worth) {
  const std::size_t n = worth.size();
  const std::size_t m = n == 0 ? 0 : worth[0].size();
  std::vector<double> row_price(n + 1, 0), column_price(m + 1, 0);
  std::vector<std::size_t> row_of(m + 1, 0);  // row (from 1) that a column (from 1) is given to
  for (std::size_t row = 1; row <= n; ++row) {
    std::vector<double> slack(m + 1, std::numeric_limits<double>::infinity());
    std::vector<std::size_t> from(m + 1, 0);
    std::vector<bool> done(m + 1, false);
    std::size_t column = 0;
    row_of[0] = row;
    while (row_of[column] != 0) {  // a shortest path to a free column
      done[column] = true;
      const std::size_t at = row_of[column];
      double least = std::numeric_limits<double>::infinity();
      std::size_t next = 0;
      for (std::size_t j = 1; j <= m; ++j) {
        if (done[j]) continue;
        const double cost = -worth[at - 1][j - 1] - row_price[at] - column_price[j];
        if (cost < slack[j]) {
          slack[j] = cost;
          from[j] = column;
        }
        if (slack[j] < least) {
          least = slack[j];
          next = j;
        }
      }
      for (std::size_t j = 0; j <= m; ++j) {
        if (done[j]) {
          row_price[row_of[j]] += least;
          column_price[j] -= least;
        } else {
          slack[j] -= least;
        }
      }
      column = next;
    }
    for (; column != 0; column = from[column]) row_of[column] = row_of[from[column]];
  }
  double sum = 0;
  for (std::size_t j = 1; j <= m; ++j)
    if (row_of[j] != 0) sum += worth[row_of[j] - 1][j - 1];
  return sum;
}

}  // namespace

double PageDiscount::at(std::size_t i, std::size_t j) const {
  if (!(row >= 0 && column >= 0 && row + column > 1 && hidden >= 0) || row_step == 0 ||
      column_step == 0)
    throw Error(ErrorKind::kInput,
                "page discount: row and column must be at least 0 with a sum above 1, hidden at "
                "least 0, steps at least 1");
  const double hidden_steps =
      steps_to(i + 1, visible_rows, row_step) + steps_to(j + 1, visible_columns, column_step);
  return std::log2(row * static_cast<double>(i + 1) + column * static_cast<double>(j + 1) +
                   hidden * hidden_steps);
}

std::vector<double> without_repeats(const PageRelevance& page,
                                    std::span<const std::uint32_t> item) {
  REHEARSAL_CHECK(item.size() == page.relevance.size());
  struct Place {
    std::size_t diagonal, row, cell;
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> places;
  for (std::size_t i = 0; i + 1 < page.row_offsets.size(); ++i)
    for (std::size_t r = page.row_offsets[i]; r < page.row_offsets[i + 1]; ++r)
      places.push_back({i + r - page.row_offsets[i], i, r});
  std::ranges::sort(places);
  std::vector<double> out(item.size(), 0);
  std::set<std::uint32_t> seen;
  for (const Place& place : places)
    if (seen.insert(item[place.cell]).second) out[place.cell] = page.relevance[place.cell];
  return out;
}

double discounted_gain(const PageRelevance& page, const PageDiscount& discount) {
  double sum = 0;
  for (std::size_t i = 0; i + 1 < page.row_offsets.size(); ++i)
    for (std::size_t r = page.row_offsets[i]; r < page.row_offsets[i + 1]; ++r)
      sum += gain(page.relevance[r]) / discount.at(i, r - page.row_offsets[i]);
  return sum;
}

double ideal_discounted_gain(std::span<const std::uint32_t> row_offsets,
                             std::span<const double> available, const PageDiscount& discount) {
  std::vector<double> discounts;
  for (std::size_t i = 0; i + 1 < row_offsets.size(); ++i)
    for (const double d : row_discounts(row_offsets, i, discount)) discounts.push_back(d);
  return best_sum(std::move(discounts), available);
}

double ideal_discounted_gain_by_category(std::span<const std::uint32_t> row_offsets,
                                         std::span<const std::vector<double>> available,
                                         const PageDiscount& discount) {
  std::vector<std::vector<double>> worth;
  for (std::size_t i = 0; i + 1 < row_offsets.size(); ++i) {
    const std::vector<double> discounts = row_discounts(row_offsets, i, discount);
    std::vector<double>& row = worth.emplace_back();
    for (const std::vector<double>& category : available)
      row.push_back(best_sum(discounts, category));
    row.resize(std::max(row.size(), row_offsets.size() - 1), 0);  // rows may stay empty
  }
  return best_assignment(worth);
}

double normalized_discounted_gain(const PageRelevance& page, const PageDiscount& discount) {
  const double ideal = ideal_discounted_gain(page.row_offsets, page.relevance, discount);
  return ideal > 0 ? discounted_gain(page, discount) / ideal : 0;
}

}  // namespace rehearsal
