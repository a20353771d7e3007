#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sim/policy.h"

namespace rehearsal::testing {

/// A distribution over slates written out as a table, the same for every decision; everything is
/// by summing over the table.
class TabularSlates final : public SlateDistribution {
 public:
  using Table = std::vector<std::pair<std::vector<std::uint16_t>, double>>;

  TabularSlates(Offsets choice_offsets, std::vector<std::uint16_t> n_positions, Table table)
      : SlateDistribution(std::move(choice_offsets), std::move(n_positions)),
        table_(std::move(table)) {}

  bool deterministic() const override { return table_.size() == 1; }
  std::uint64_t pattern(std::size_t) const override { return 77; }
  std::uint8_t sample(std::size_t, const Rng& rng, const SlateAddress& address,
                      std::span<std::uint16_t> slate) const override {
    const double u = rng.stream(address.purpose, address.turn, address.item_base).uniform();
    double sum = 0;
    std::size_t row = 0;
    for (; row + 1 < table_.size(); ++row) {
      sum += table_[row].second;
      if (u < sum) break;
    }
    std::copy(table_[row].first.begin(), table_[row].first.end(), slate.begin());
    return 0;
  }
  void prefix_probabilities(std::size_t, std::span<const std::uint16_t> slate,
                            std::span<double> out) const override {
    std::fill(out.begin(), out.end(), 0.0);
    for (const auto& [other, p] : table_)
      for (std::size_t k = 0; k < slate.size() && other[k] == slate[k]; ++k) out[k] += p;
  }
  void marginals(std::size_t, Eigen::Ref<RowMatrix> out) const override {
    out.setZero();
    for (const auto& [slate, p] : table_)
      for (std::size_t k = 0; k < slate.size(); ++k)
        out(static_cast<Eigen::Index>(k), slate[k]) += p;
  }
  bool pair_marginals(std::size_t i, Eigen::Ref<RowMatrix> out) const override {
    const std::size_t m = n_choices(i);
    const auto at = [](std::size_t n) { return static_cast<Eigen::Index>(n); };
    out.setZero();
    for (const auto& [slate, p] : table_)
      for (std::size_t j = 0; j < slate.size(); ++j)
        for (std::size_t k = 0; k < slate.size(); ++k)
          out(at(j * m + slate[j]), at(k * m + slate[k])) += p;
    return true;
  }

 private:
  Table table_;
};

/// A policy from a function that makes the distribution.
class FunctionPolicy final : public Policy {
 public:
  using Make = std::function<std::unique_ptr<SlateDistribution>(Offsets choice_offsets,
                                                                std::vector<std::uint16_t>)>;
  explicit FunctionPolicy(Make make, bool is_deterministic = false)
      : make_(std::move(make)), deterministic_(is_deterministic) {}

  std::unique_ptr<SlateDistribution> distribution(const RequestBatch& requests) const override {
    std::vector<std::uint16_t> n_positions(requests.size());
    for (std::size_t i = 0; i < requests.size(); ++i)
      n_positions[i] = static_cast<std::uint16_t>(
          std::min<std::size_t>(requests.n_slots[i], requests.n_eligible(i)));
    return make_(requests.module_offsets, std::move(n_positions));
  }
  bool deterministic() const override { return deterministic_; }

 private:
  Make make_;
  bool deterministic_;
};

inline FunctionPolicy tabular_policy(TabularSlates::Table table) {
  return FunctionPolicy([table](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return std::make_unique<TabularSlates>(std::move(offsets), std::move(n_positions), table);
  });
}

/// Plackett-Luce over all ordered selections of l choices, as a table. Args: w: weights.
inline TabularSlates::Table plackett_luce_table(const std::vector<double>& w, std::size_t l) {
  TabularSlates::Table table{{{}, 1.0}};
  for (std::size_t k = 0; k < l; ++k) {
    TabularSlates::Table longer;
    for (const auto& [slate, p] : table) {
      double total = 0;
      for (std::size_t c = 0; c < w.size(); ++c)
        if (std::find(slate.begin(), slate.end(), c) == slate.end()) total += w[c];
      for (std::size_t c = 0; c < w.size(); ++c) {
        if (std::find(slate.begin(), slate.end(), c) != slate.end()) continue;
        longer.push_back({slate, p * w[c] / total});
        longer.back().first.push_back(static_cast<std::uint16_t>(c));
      }
    }
    table = std::move(longer);
  }
  return table;
}

}  // namespace rehearsal::testing
