#include "analysis/outcome.h"

#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

constexpr int kFolds = 2;

enum class Reward { kClick, kPurchase, kRevenue };

Reward reward_of(const std::string& metric) {
  if (metric == "ctr" || metric == "clicks") return Reward::kClick;
  if (metric == "ptr" || metric == "purchases") return Reward::kPurchase;
  if (metric == "revenue") return Reward::kRevenue;
  const std::vector<std::string> known{"ctr", "ptr", "revenue", "clicks", "purchases"};
  const std::string near = nearest_name(metric, known);
  throw Error(ErrorKind::kInput, "unknown metric '" + metric + "'" +
                                     (near.empty() ? "" : "; did you mean '" + near + "'?") +
                                     " Known: ctr, ptr, revenue, clicks, purchases");
}

/// Mean price of what was purchased, by left-out fold and module; the log's mean where a module
/// sold nothing.
class Prices {
 public:
  explicit Prices(std::size_t n_modules) : n_(kFolds * n_modules), sum_(kFolds * n_modules) {}

  void add(const Rng& rng, const LogBatch& batch) {
    if (batch.responses.revenue.size() != batch.pages.module.size())
      throw Error(ErrorKind::kInput, "revenue: the log has no column 'revenue'");
    const std::size_t n_modules = n_.size() / kFolds;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const int fold = cross_fitting_fold(rng, UserId{batch.requests.user[i]}, kFolds);
      const auto learner = static_cast<std::size_t>(1 - fold);  // learns from this user
      for (std::uint32_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1];
           ++s) {
        if (batch.responses.revenue[s] == 0) continue;
        n_[learner * n_modules + batch.pages.module[s]] += 1;
        sum_[learner * n_modules + batch.pages.module[s]] +=
            static_cast<double>(batch.responses.revenue[s]);
      }
    }
  }
  void add(const Prices& other) {
    for (std::size_t j = 0; j < n_.size(); ++j) {
      n_[j] += other.n_[j];
      sum_[j] += other.sum_[j];
    }
  }
  std::vector<double> means(std::size_t fold) const {
    const std::size_t n_modules = n_.size() / kFolds;
    const auto first = static_cast<std::ptrdiff_t>(fold * n_modules);
    const auto last = first + static_cast<std::ptrdiff_t>(n_modules);
    const double n = std::accumulate(n_.begin() + first, n_.begin() + last, 0.0);
    const double sum = std::accumulate(sum_.begin() + first, sum_.begin() + last, 0.0);
    std::vector<double> out(n_modules, n > 0 ? sum / n : 0.0);
    for (std::size_t m = 0; m < n_modules; ++m)
      if (n_[fold * n_modules + m] > 0)
        out[m] = sum_[fold * n_modules + m] / n_[fold * n_modules + m];
    return out;
  }

 private:
  std::vector<double> n_;
  std::vector<double> sum_;
};

class CrossFittedLogistic final : public OutcomeModel {
 public:
  CrossFittedLogistic(const Schema& schema, const Rng& rng, std::vector<ModuleLogistic> folds,
                      std::vector<std::vector<double>> prices)
      : encoder_(schema), rng_(rng), folds_(std::move(folds)), prices_(std::move(prices)) {
    for (const ModuleLogistic& model : folds_) {
      factor_.emplace_back();
      for (const double logit : model.position) factor_.back().push_back(std::exp(-logit));
    }
  }

  void predict(const RequestBatch& requests, std::vector<double>& out) const override {
    out.clear();
    std::vector<float> inputs(encoder_.n_inputs());
    std::vector<double> odds_against;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      encoder_.encode(requests.features(i), inputs);
      const auto fold =
          static_cast<std::size_t>(cross_fitting_fold(rng_, UserId{requests.user[i]}, kFolds));
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      odds_against.resize(eligible.size());
      for (std::size_t c = 0; c < eligible.size(); ++c)
        odds_against[c] = std::exp(-folds_[fold].logit(eligible[c], inputs));
      const std::size_t n = std::min<std::size_t>(requests.n_slots[i], eligible.size());
      for (std::size_t k = 0; k < n; ++k) {
        const double factor = factor_[fold][encoder_.position(requests.features(i), k)];
        for (std::size_t c = 0; c < eligible.size(); ++c)
          out.push_back(price(fold, eligible[c]) / (1 + odds_against[c] * factor));
      }
    }
  }

 private:
  double price(std::size_t fold, std::size_t module) const {
    return prices_.empty() ? 1.0 : prices_[fold][module];
  }

  Encoder encoder_;
  Rng rng_;
  std::vector<ModuleLogistic> folds_;        // folds_[f] did not see users of fold f
  std::vector<std::vector<double>> factor_;  // exp(-position logit)
  std::vector<std::vector<double>> prices_;  // (folds, n_modules); empty: 1
};

std::vector<std::vector<double>> mean_prices(const RoundSource& rounds, const Rng& rng,
                                             int threads) {
  Prices total(rounds.schema->n_modules());
  ordered_reduce(
      rounds.n_shards, threads,
      [&](std::size_t shard) {
        Columns columns;
        columns.propensities = false;
        Prices own(rounds.schema->n_modules());
        own.add(rng, rounds.read(shard, columns));
        return own;
      },
      [&](std::size_t, Prices&& own) { total.add(own); });
  return {total.means(0), total.means(1)};
}

template <class T>
void copy_column(const std::vector<T>& column, std::size_t n_slots, const char* name,
                 std::vector<double>& out) {
  if (column.size() != n_slots)
    throw Error(ErrorKind::kInput, std::string("the log has no column '") + name + "'");
  out.assign(column.begin(), column.end());
  for (const double reward : out)
    if (!std::isfinite(reward))
      throw Error(ErrorKind::kInput, std::string("the log's column '") + name +
                                         "' holds a value that is not a finite number");
}

}  // namespace

std::vector<std::shared_ptr<const OutcomeModel>> fit_outcome_models(
    const RoundSource& rounds, const std::vector<std::string>& metrics, const Rng& rng, int threads,
    ProgressSink* progress) {
  std::vector<Objective> objectives;  // each is fitted once
  std::vector<std::size_t> of_metric;
  for (const std::string& metric : metrics) {
    const Objective objective =
        reward_of(metric) == Reward::kClick ? Objective::kClick : Objective::kPurchase;
    const auto found = std::find(objectives.begin(), objectives.end(), objective);
    of_metric.push_back(static_cast<std::size_t>(found - objectives.begin()));
    if (found == objectives.end()) objectives.push_back(objective);
  }
  std::vector<ModuleLogisticSpec> specs;
  for (const Objective objective : objectives) {
    for (int fold = 0; fold < kFolds; ++fold) {
      specs.emplace_back();
      specs.back().objective = objective;
      specs.back().n_folds = kFolds;
      specs.back().fold = fold;
    }
  }
  ModuleLogisticOptions options;
  options.threads = threads;
  options.task = "fit q_hat";
  options.progress = progress;
  const std::vector<ModuleLogistic> fits = fit_module_logistic(rounds, specs, rng, options);
  std::vector<std::shared_ptr<const OutcomeModel>> models;
  for (std::size_t m = 0; m < metrics.size(); ++m) {
    std::vector<std::vector<double>> prices;
    if (reward_of(metrics[m]) == Reward::kRevenue) prices = mean_prices(rounds, rng, threads);
    models.push_back(std::make_shared<CrossFittedLogistic>(
        *rounds.schema, rng,
        std::vector<ModuleLogistic>{fits[2 * of_metric[m]], fits[2 * of_metric[m] + 1]},
        std::move(prices)));
  }
  return models;
}

void position_rewards(const LogBatch& batch, const std::string& metric, std::vector<double>& out) {
  const std::size_t n_slots = batch.pages.module.size();
  switch (reward_of(metric)) {
    case Reward::kClick:
      return copy_column(batch.responses.click, n_slots, "click", out);
    case Reward::kPurchase:
      return copy_column(batch.responses.purchase, n_slots, "purchase", out);
    case Reward::kRevenue:
      return copy_column(batch.responses.revenue, n_slots, "revenue", out);
  }
}

}  // namespace rehearsal
