#pragma once

// Small pages of modules and items that can be enumerated, with a log of every page of them.

#include <cmath>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sim/log/log.h"
#include "tests/support/tabular_policy.h"

namespace rehearsal::cells {

using namespace testing;

using Ids = std::vector<std::uint16_t>;
using Table = TabularSlates::Table;

inline constexpr std::size_t kRows = 2;
// Items that each module retrieves; two are shown, of the last module the one that there is.
inline constexpr std::size_t kRetrieved[] = {3, 3, 1};
inline constexpr std::size_t kCellModules = 3;

inline std::size_t n_placed(std::size_t module) {
  return std::min<std::size_t>(2, kRetrieved[module]);
}

/// A table for each decision, by what the decision is about.
class TablePerDecision final : public SlateDistribution {
 public:
  TablePerDecision(Offsets offsets, std::vector<std::uint16_t> n_positions,
                   std::vector<Table> tables)
      : SlateDistribution(std::move(offsets), std::move(n_positions)) {
    for (std::size_t i = 0; i < tables.size(); ++i)
      each_.emplace_back(choice_offsets(), std::vector<std::uint16_t>(size()), tables[i]);
  }

  bool deterministic() const override { return false; }
  std::uint8_t sample(std::size_t i, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    return each_[i].sample(i, rng, address, slate);
  }
  void prefix_probabilities(std::size_t i, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    each_[i].prefix_probabilities(i, slate, out);
  }
  void marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    each_[i].marginals(i, out);
  }
  bool pair_marginals(std::size_t, Eigen::Ref<RowMatrix>) const override { return false; }

 private:
  std::vector<TabularSlates> each_;
};

class TableRanker final : public Ranker {
 public:
  explicit TableRanker(std::vector<Table> tables) : tables_(std::move(tables)) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> sizes;
    std::vector<Table> tables;
    for (const std::uint16_t module : requests.module) {
      sizes.push_back(static_cast<std::uint16_t>(n_placed(module)));
      tables.push_back(tables_[module]);
    }
    return std::make_unique<TablePerDecision>(requests.candidate_offsets, std::move(sizes),
                                              std::move(tables));
  }
  bool deterministic() const override { return false; }

 private:
  std::vector<Table> tables_;
};

/// Orders of modules and, inside each, of items.
struct PageTables {
  Table modules;
  std::vector<Table> items;

  FunctionPolicy policy() const {
    FunctionPolicy out = tabular_policy(modules);
    out.set_ranker(std::make_shared<TableRanker>(items));
    return out;
  }
};

/// Weights that are whole numbers: each table's probabilities are multiples of 1 / denominator.
inline Table whole(const std::vector<Ids>& slates, const std::vector<int>& weights) {
  double sum = 0;
  for (const int w : weights) sum += w;
  Table table;
  for (std::size_t j = 0; j < slates.size(); ++j) table.push_back({slates[j], weights[j] / sum});
  return table;
}

inline const std::vector<Ids> kOrders{{0, 1}, {0, 2}, {1, 0}, {1, 2}, {2, 0}, {2, 1}};
inline const Table kOnly{{{0}, 1.0}};

/// A logging policy whose pages each stand a whole number of times in a log of 12 x 12 x 12.
inline PageTables logging() {
  return {whole(kOrders, {3, 1, 2, 2, 1, 3}),
          {whole(kOrders, {1, 3, 2, 1, 4, 1}), whole(kOrders, {2, 2, 1, 5, 1, 1}), kOnly}};
}

inline PageTables judged() {
  return {plackett_luce_table({.5, .2, .4}, 2),
          {plackett_luce_table({.3, .1, .8}, 2), plackett_luce_table({.2, .9, .4}, 2), kOnly}};
}

struct CellPage {
  Ids modules;
  std::vector<Ids> items;
};

inline std::vector<std::pair<CellPage, double>> all_pages(const PageTables& tables) {
  std::vector<std::pair<CellPage, double>> all;
  for (const auto& [order, p] : tables.modules)
    for (const auto& [first, p_first] : tables.items[order[0]])
      for (const auto& [second, p_second] : tables.items[order[1]])
        all.push_back({{order, {first, second}}, p * p_first * p_second});
  return all;
}

/// Expected outcome of each cell, row by row.
using Response = std::function<std::vector<double>(const CellPage&)>;

inline double attraction(const CellPage& page, std::size_t i, std::size_t k) {
  return .15 + .2 * page.modules[i] + .1 * page.items[i][k];
}

/// f(row, column, what is attractive there).
template <class F>
Response by_cell(F f) {
  return [f](const CellPage& page) {
    std::vector<double> out;
    for (std::size_t i = 0; i < kRows; ++i)
      for (std::size_t k = 0; k < page.items[i].size(); ++k) out.push_back(f(page, i, k));
    return out;
  };
}

/// Of what is looked at before: the first items of the rows above, the row's own items so far.
inline Response row_cascade(std::size_t columns_above) {
  return by_cell([columns_above](const CellPage& page, std::size_t i, std::size_t k) {
    double reached = 1;
    for (std::size_t above = 0; above < i; ++above)
      for (std::size_t j = 0; j < std::min(columns_above, page.items[above].size()); ++j)
        reached *= 1 - .8 * attraction(page, above, j);
    for (std::size_t j = 0; j < k; ++j) reached *= 1 - attraction(page, i, j);
    return reached * attraction(page, i, k);
  });
}

inline const Response kCellsAlone = by_cell([](const CellPage& page, std::size_t i, std::size_t k) {
  return (i == 0 ? 1 : .5) * (k == 0 ? 1 : .7) * attraction(page, i, k);
});
inline const Response kRowsAlone = by_cell([](const CellPage& page, std::size_t i, std::size_t k) {
  return (i == 0 ? 1 : .5) * attraction(page, i, k) * (k == 0 ? 1 : 1 - attraction(page, i, 0));
});
inline const Response kVisible = by_cell([](const CellPage& page, std::size_t i, std::size_t k) {
  const double entry = attraction(page, i, 0) * (1 - attraction(page, i, page.items[i].size() - 1));
  return entry * (k == 0 ? 1 : 1 - attraction(page, i, 0));
});
inline const Response kEverything = by_cell([](const CellPage& page, std::size_t i, std::size_t k) {
  const double last = attraction(page, 1, page.items[1].size() - 1);
  return attraction(page, i, k) * (1 - .5 * last);
});

/// Every page as often as the logging policy shows it, with its expected outcomes.
class WholeLog {
 public:
  WholeLog(const PageTables& mu, const Response& response, std::size_t n_users = 8) {
    schema_.modules = {"a", "b", "c"};
    schema_.n_slots = kRows;
    schema_.n_positions = 2;
    schema_.n_items = 7;
    LogBatch one;
    for (const auto& [page, p] : all_pages(mu)) append_page(page, response(page), one);
    one.propensities = propensities(mu.policy(), one.requests, one.pages);
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < one.size(); ++i)
      for (long n = std::lround(one.propensities.pscore[i] * 1728); n > 0; --n) rows.push_back(i);
    LogBatch all{gather(one.requests, rows), gather(one.pages, rows),
                 gather(one.propensities, one.pages, rows), gather(one.responses, one.pages, rows)};
    for (std::size_t i = 0; i < all.size(); ++i)
      all.requests.user[i] = static_cast<std::uint32_t>(i * n_users / all.size());
    shards_.push_back(std::move(all));
  }

  RoundSource source() const { return source_of(schema_, shards_); }
  LogBatch& batch() { return shards_[0]; }
  Schema& schema() { return schema_; }

 private:
  static void append_page(const CellPage& page, const std::vector<double>& mean, LogBatch& batch) {
    RequestBatch& requests = batch.requests;
    requests.user.push_back(0);
    requests.session.push_back(0);
    requests.round.push_back(0);
    requests.n_slots.push_back(kRows);
    requests.n_positions.push_back(2);
    std::uint32_t item = 0;
    for (std::uint16_t m = 0; m < kCellModules; ++m) {
      requests.module.push_back(m);
      for (std::size_t c = 0; c < kRetrieved[m]; ++c) requests.candidate.push_back(item++);
      requests.candidate_offsets.push_back(static_cast<std::uint32_t>(requests.candidate.size()));
    }
    requests.module_offsets.push_back(static_cast<std::uint32_t>(requests.module.size()));
    PageBatch& pages = batch.pages;
    for (std::size_t i = 0; i < kRows; ++i) {
      pages.module.push_back(page.modules[i]);
      for (const std::uint16_t c : page.items[i]) pages.item.push_back(3u * page.modules[i] + c);
      pages.item_offsets.push_back(static_cast<std::uint32_t>(pages.item.size()));
    }
    pages.slot_offsets.push_back(static_cast<std::uint32_t>(pages.module.size()));
    for (const double r : mean) batch.responses.engagement.push_back(static_cast<float>(r));
  }

  Schema schema_;
  std::vector<LogBatch> shards_;
};

}  // namespace rehearsal::cells
