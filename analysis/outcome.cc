#include "analysis/outcome.h"

#include <cmath>
#include <numeric>

#include "sim/core/error.h"
#include "sim/engine/ordered_reduce.h"
#include "sim/metrics.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

constexpr int kFolds = 2;

/// What must happen for a metric to be above 0: a purchase, else a click.
Objective objective_of(const Metric& metric) {
  const bool purchase = metric.slot_count == &ResponseBatch::purchase ||
                        metric.slot_amount == &ResponseBatch::revenue;
  return purchase ? Objective::kPurchase : Objective::kClick;
}

/// Whether a success counts as 1, so that its probability is all there is to predict.
bool counts_successes(const Metric& metric) {
  return metric.slot_count == &ResponseBatch::purchase ||
         metric.slot_count == &ResponseBatch::click;
}

/// Mean of a metric among its successes, by left-out fold and module; the log's mean where a module
/// had none.
class Amounts {
 public:
  Amounts(const Metric& metric, std::size_t n_modules)
      : metric_(metric), n_(kFolds * n_modules), sum_(kFolds * n_modules) {}

  void add(const Rng& rng, const LogBatch& batch) {
    std::vector<double> amount;
    slot_rewards(metric_, batch.responses, batch.pages, amount);
    const std::vector<std::uint8_t>& success = objective_of(metric_) == Objective::kPurchase
                                                   ? batch.responses.purchase
                                                   : batch.responses.click;
    const std::size_t n_modules = n_.size() / kFolds;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const int fold = cross_fitting_fold(rng, UserId{batch.requests.user[i]}, kFolds);
      const auto learner = static_cast<std::size_t>(1 - fold);  // learns from this user
      for (std::uint32_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1];
           ++s) {
        if (success[s] == 0) continue;
        n_[learner * n_modules + batch.pages.module[s]] += 1;
        sum_[learner * n_modules + batch.pages.module[s]] += amount[s];
      }
    }
  }
  void add(const Amounts& other) {
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
  const Metric& metric_;
  std::vector<double> n_;
  std::vector<double> sum_;
};

class CrossFittedLogistic final : public OutcomeModel {
 public:
  CrossFittedLogistic(const Schema& schema, const Rng& rng, std::vector<ModuleLogistic> folds,
                      std::vector<std::vector<double>> amounts)
      : encoder_(schema), rng_(rng), folds_(std::move(folds)), amounts_(std::move(amounts)) {
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
          out.push_back(amount(fold, eligible[c]) / (1 + odds_against[c] * factor));
      }
    }
  }

 private:
  double amount(std::size_t fold, std::size_t module) const {
    return amounts_.empty() ? 1.0 : amounts_[fold][module];
  }

  Encoder encoder_;
  Rng rng_;
  std::vector<ModuleLogistic> folds_;         // folds_[f] did not see users of fold f
  std::vector<std::vector<double>> factor_;   // exp(-position logit)
  std::vector<std::vector<double>> amounts_;  // (folds, n_modules) a success; empty: 1
};

std::vector<std::vector<double>> mean_amounts(const Metric& metric, const RoundSource& rounds,
                                              const Rng& rng, int threads) {
  Amounts total(metric, rounds.schema->n_modules());
  ordered_reduce(
      rounds.n_shards, threads,
      [&](std::size_t shard) {
        Columns columns;
        columns.propensities = false;
        columns.items = metric.of_items();
        Amounts own(metric, rounds.schema->n_modules());
        own.add(rng, rounds.read(shard, columns));
        return own;
      },
      [&](std::size_t, Amounts&& own) { total.add(own); });
  return {total.means(0), total.means(1)};
}

}  // namespace

std::vector<std::shared_ptr<const OutcomeModel>> fit_outcome_models(
    const RoundSource& rounds, const std::vector<std::string>& names, const Rng& rng, int threads,
    ProgressSink* progress) {
  std::vector<Objective> objectives;  // each is fitted once
  std::vector<std::size_t> of_metric;
  for (const std::string& name : names) {
    const Objective objective = objective_of(metrics().at(name));
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
  for (std::size_t m = 0; m < names.size(); ++m) {
    const Metric& metric = metrics().at(names[m]);
    std::vector<std::vector<double>> amounts;
    if (!counts_successes(metric)) amounts = mean_amounts(metric, rounds, rng, threads);
    models.push_back(std::make_shared<CrossFittedLogistic>(
        *rounds.schema, rng,
        std::vector<ModuleLogistic>{fits[2 * of_metric[m]], fits[2 * of_metric[m] + 1]},
        std::move(amounts)));
  }
  return models;
}

}  // namespace rehearsal
