#include "analysis/cell_columns.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/core/error.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw Error(ErrorKind::kInput, "estimators of cells: " + what);
}

/// Probabilities of the items shown, in a batch of pages: (n_items) each.
struct ItemProbabilities {
  std::vector<double> prefix;
  std::vector<double> marginal;
};

/// Of a policy that leaves items as retrieved: 1 as long as they are.
ItemProbabilities as_retrieved(const LogBatch& batch, const LoggedRounds& logged) {
  const RequestBatch& requests = batch.requests;
  const PageBatch& pages = batch.pages;
  ItemProbabilities out{std::vector<double>(pages.item.size()),
                        std::vector<double>(pages.item.size())};
  for (std::size_t i = 0; i < batch.size(); ++i)
    for (std::size_t s = pages.slot_offsets[i]; s < pages.slot_offsets[i + 1]; ++s) {
      const std::size_t e = requests.module_offsets[i] + logged.choice[s];
      const std::size_t first = requests.candidate_offsets[e];
      const std::size_t n = requests.candidate_offsets[e + 1] - first;
      bool same = true;
      for (std::size_t j = pages.item_offsets[s]; j < pages.item_offsets[s + 1]; ++j) {
        const std::size_t k = j - pages.item_offsets[s];
        const bool here = k < n && pages.item[j] == requests.candidate[first + k];
        same = same && here;
        out.marginal[j] = here ? 1 : 0;
        out.prefix[j] = same ? 1 : 0;
      }
    }
  return out;
}

/// pi / mu of the items shown, given their modules.
ItemProbabilities item_ratios(const LogBatch& batch, const LoggedRounds& logged,
                              const Policy& policy, const Propensities& own) {
  ItemProbabilities out =
      policy.ranker() == nullptr
          ? as_retrieved(batch, logged)
          : ItemProbabilities{own.pscore_in_module_cascade, own.pscore_in_module_position};
  REHEARSAL_CHECK(out.prefix.size() == batch.pages.item.size());
  const Propensities& mu = batch.propensities;
  if (mu.pscore_in_module_cascade.empty()) return out;  // as retrieved, surely
  for (std::size_t j = 0; j < out.prefix.size(); ++j) {
    out.prefix[j] /= mu.pscore_in_module_cascade[j];
    out.marginal[j] /= mu.pscore_in_module_position[j];
  }
  return out;
}

void check_items(const std::vector<double>& column, std::size_t n_items, const char* name) {
  if (column.size() != n_items) refuse(fmt::format("the log's column '{}' is missing", name));
  for (const double p : column)
    if (!(p > 0 && p <= 1 + 1e-9))
      refuse(fmt::format("{} is {}; a logged propensity lies in (0, 1]", name, p));
}

}  // namespace

CellColumns::CellColumns(const EvaluationPlan& plan) : plan_(plan) {
  for (std::size_t s = 0; s <= plan.n_rows; ++s)
    row_offsets_.push_back(static_cast<std::uint32_t>(s * plan.row_length));
}

void CellColumns::check(const LogBatch& batch) const {
  const PageBatch& pages = batch.pages;
  if (pages.item.empty()) refuse("the log holds no items");
  for (std::size_t i = 0; i < batch.size(); ++i)
    if (pages.n_shown(i) > plan_.n_rows)
      refuse(fmt::format("a page shows {} modules, more than {}", pages.n_shown(i), plan_.n_rows));
  for (std::size_t s = 0; s < pages.module.size(); ++s)
    if (pages.item_offsets[s + 1] - pages.item_offsets[s] > plan_.row_length)
      refuse(fmt::format("a module shows more than {} items", plan_.row_length));
  if (!plan_.needs.items || list()) return;
  if (batch.requests.candidate.empty())
    refuse("the log does not say which items were retrieved ('candidate')");
  const Propensities& mu = batch.propensities;
  const bool retrieved =
      std::all_of(mu.pscore_items.begin(), mu.pscore_items.end(), [](double p) { return p >= 1; });
  if (retrieved && mu.pscore_in_module_cascade.empty() && mu.pscore_in_module_position.empty())
    return;
  check_items(mu.pscore_in_module_cascade, pages.item.size(), "pscore_in_module_cascade");
  check_items(mu.pscore_in_module_position, pages.item.size(), "pscore_in_module_position");
}

void CellColumns::start(const LogBatch& batch, const LoggedRounds& logged) {
  check(batch);
  batch_ = &batch;
  logged_ = &logged;
  page_offsets_.resize(batch.size() + 1);
  for (std::size_t i = 0; i <= batch.size(); ++i)
    page_offsets_[i] = static_cast<std::uint32_t>(i * plan_.n_cells());
  fill_rewards();
  if (plan_.needs.support && plan_.needs.items) find_support();
}

void CellColumns::fill_rewards() {
  const PageBatch& pages = batch_->pages;
  std::vector<double> own;
  rewards_.assign(plan_.metrics.size(), {});
  for (std::size_t m = 0; m < rewards_.size(); ++m) {
    try {
      item_rewards(metrics().at(plan_.metrics[m]), batch_->responses, pages, own);
    } catch (const Error& error) {
      refuse(fmt::format("outcomes are read item by item: {}", error.what()));
    }
    rewards_[m].assign(batch_->size() * plan_.n_cells(), 0.0);
    for (std::size_t i = 0; i < batch_->size(); ++i)
      for (std::size_t s = pages.slot_offsets[i]; s < pages.slot_offsets[i + 1]; ++s)
        std::copy(own.begin() + pages.item_offsets[s], own.begin() + pages.item_offsets[s + 1],
                  rewards_[m].begin() + page_offsets_[i] + row_offsets_[s - pages.slot_offsets[i]]);
  }
}

void CellColumns::weigh(const Policy& policy, const PolicyWeights& weights) {
  const PageBatch& pages = batch_->pages;
  const Propensities& own = weights.own;
  const Propensities& mu = batch_->propensities;
  ItemProbabilities items;
  if (list())
    items = {weights.cascade, weights.item_position};
  else if (plan_.needs.items)
    items = item_ratios(*batch_, *logged_, policy, own);
  weights_.resize(plan_.cell_rules.size());
  for (std::vector<double>& each : weights_) each.assign(batch_->size() * plan_.n_cells(), 1.0);
  std::vector<double> module_prefix, module_marginal, prefix, marginal;
  for (std::size_t i = 0; i < batch_->size(); ++i) {
    const std::size_t first = pages.slot_offsets[i], n_rows = pages.n_shown(i);
    module_prefix.clear();
    module_marginal.clear();
    prefix.assign(n_rows * plan_.row_length, 1.0);
    marginal.assign(n_rows * plan_.row_length, 1.0);
    for (std::size_t s = first; s < first + n_rows; ++s) {
      module_prefix.push_back(list() ? 1 : own.pscore_cascade[s] / mu.pscore_cascade[s]);
      module_marginal.push_back(list() ? 1
                                       : own.pscore_item_position[s] / mu.pscore_item_position[s]);
      const std::size_t from = pages.item_offsets[s], to = pages.item_offsets[s + 1];
      if (items.prefix.empty() || from == to) continue;
      const auto row = static_cast<std::ptrdiff_t>(row_offsets_[s - first]);
      std::copy(items.marginal.data() + from, items.marginal.data() + to, marginal.begin() + row);
      std::copy(items.prefix.data() + from, items.prefix.data() + to, prefix.begin() + row);
      std::fill(prefix.begin() + row + static_cast<std::ptrdiff_t>(to - from),
                prefix.begin() + row + static_cast<std::ptrdiff_t>(plan_.row_length),
                items.prefix[to - 1]);
    }
    const PageRatios page{std::span(row_offsets_).first(n_rows + 1), module_prefix, module_marginal,
                          prefix, marginal};
    for (std::size_t r = 0; r < weights_.size(); ++r)
      cell_weights(page, plan_.cell_rules[r].kind, plan_.cell_rules[r].options,
                   std::span(weights_[r]).subspan(page_offsets_[i], n_rows * plan_.row_length));
  }
}

WeightedRounds CellColumns::of(std::size_t rule, std::size_t metric) const {
  WeightedRounds out;
  out.slot_offsets = page_offsets_;
  out.reward = rewards_[metric];
  out.item_position_weight = weights_[rule];
  return out;
}

void CellColumns::add_stats(WeightStats* stats) const {
  for (std::size_t r = 0; r < weights_.size(); ++r)
    for (std::size_t j = 0; j < weights_[r].size(); ++j)
      stats[cell_stats_index(plan_, r, j % plan_.n_cells())].add(weights_[r][j]);
}

// --- support ---------------------------------------------------------------------

namespace {

/// Calls f(e, marginals) with the items' distribution of every eligible module of the batch.
template <class F>
void each_list(const Policy& policy, const RequestBatch& requests, F&& f) {
  const PageDistribution page = decide_pages(policy, requests);
  RowMatrix grid;
  for (std::size_t e = 0; e < page.items->size(); ++e) {
    grid.resize(static_cast<Eigen::Index>(page.items->n_positions(e)),
                static_cast<Eigen::Index>(page.items->n_choices(e)));
    page.items->marginals(e, grid);
    f(e, grid);
  }
}

}  // namespace

void CellColumns::find_support() {
  item_shown_.assign(batch_->requests.module.size(), {});
  each_list(*plan_.behavior, batch_->requests, [&](std::size_t e, const RowMatrix& grid) {
    for (Eigen::Index j = 0; j < grid.size(); ++j) item_shown_[e].push_back(grid.data()[j] > 0);
  });
}

/// (eligible modules, row_length) P(an item that the behavior never shows at k), given the module.
std::vector<double> CellColumns::unsupported_mass(const Policy& policy) const {
  std::vector<double> mass(batch_->requests.module.size() * plan_.row_length, 0.0);
  if (!plan_.needs.items) return mass;
  each_list(policy, batch_->requests, [&](std::size_t e, const RowMatrix& grid) {
    for (Eigen::Index k = 0; k < grid.rows(); ++k)
      for (Eigen::Index c = 0; c < grid.cols(); ++c)
        if (!item_shown_[e][static_cast<std::size_t>(k * grid.cols() + c)])
          mass[e * plan_.row_length + static_cast<std::size_t>(k)] += grid(k, c);
  });
  return mass;
}

void CellColumns::add_gap(const Policy& policy, const PolicyWeights& weights, double* gap) const {
  const RequestBatch& requests = batch_->requests;
  const std::vector<double> mass = unsupported_mass(policy);
  for (std::size_t i = 0; i < batch_->size(); ++i) {
    std::size_t cell = logged_->cell_offsets[i];
    for (std::size_t row = 0; row < batch_->pages.n_shown(i); ++row)
      for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e) {
        const double p = weights.marginals[cell];
        const bool never = logged_->unsupported[cell++] != 0;
        const std::size_t n_retrieved =
            requests.candidate_offsets.size() > e + 1
                ? requests.candidate_offsets[e + 1] - requests.candidate_offsets[e]
                : plan_.row_length;
        const std::size_t n = std::min(plan_.row_length, requests.n_placed(i, n_retrieved));
        for (std::size_t k = 0; k < n; ++k)
          gap[row * plan_.row_length + k] += p * (never ? 1.0 : mass[e * plan_.row_length + k]);
      }
  }
}

}  // namespace rehearsal
