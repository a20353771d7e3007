#include "analysis/outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "analysis/calibration.h"
#include "sim/core/error.h"
#include "sim/decision.h"
#include "sim/engine/ordered_reduce.h"
#include "sim/metrics.h"

namespace rehearsal {

namespace {

/// What must happen for a metric to be above 0: a purchase, else a click.
std::string event_of(const Metric& metric) {
  const bool purchase = metric.slot_count == &ResponseBatch::purchase ||
                        metric.slot_amount == &ResponseBatch::revenue;
  return purchase ? "ptr" : "ctr";
}

/// Whether a success counts as 1, so that its probability is all there is to predict.
bool counts_successes(const Metric& metric) {
  return metric.slot_count == &ResponseBatch::purchase ||
         metric.slot_count == &ResponseBatch::click;
}

/// Mean of a metric among its successes, by the users' fold and module.
class Amounts {
 public:
  Amounts(const Metric& metric, std::size_t n_modules, const CrossFitting& folds)
      : metric_(metric),
        n_modules_(n_modules),
        folds_(folds),
        n_(static_cast<std::size_t>(folds.n_folds) * n_modules),
        sum_(n_.size()) {}

  void add(const LogBatch& batch) {
    std::vector<double> amount;
    slot_rewards(metric_, batch.responses, batch.pages, amount);
    const std::vector<std::uint8_t>& success =
        event_of(metric_) == "ptr" ? batch.responses.purchase : batch.responses.click;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const int fold = folds_.fold_of(UserId{batch.requests.user[i]});
      const std::size_t first = static_cast<std::size_t>(fold) * n_modules_;
      for (std::uint32_t s = batch.pages.slot_offsets[i]; s < batch.pages.slot_offsets[i + 1];
           ++s) {
        if (success[s] == 0) continue;
        n_[first + batch.pages.module[s]] += 1;
        sum_[first + batch.pages.module[s]] += amount[s];
      }
    }
  }
  void add(const Amounts& other) {
    for (std::size_t j = 0; j < n_.size(); ++j) {
      n_[j] += other.n_[j];
      sum_[j] += other.sum_[j];
    }
  }
  /// Of the users that a model learns from; their mean over modules where a module had none.
  std::vector<double> means(int model) const {
    std::vector<double> n(n_modules_, 0.0), sum(n_modules_, 0.0);
    for (int fold = 0; fold < folds_.n_folds; ++fold)
      for (std::size_t m = 0; folds_.learns_from(model, fold) && m < n_modules_; ++m) {
        n[m] += n_[static_cast<std::size_t>(fold) * n_modules_ + m];
        sum[m] += sum_[static_cast<std::size_t>(fold) * n_modules_ + m];
      }
    const double all = std::accumulate(n.begin(), n.end(), 0.0);
    const double pooled = all > 0 ? std::accumulate(sum.begin(), sum.end(), 0.0) / all : 0.0;
    for (std::size_t m = 0; m < n_modules_; ++m) sum[m] = n[m] > 0 ? sum[m] / n[m] : pooled;
    return sum;
  }

 private:
  const Metric& metric_;
  std::size_t n_modules_;
  const CrossFitting& folds_;
  std::vector<double> n_;
  std::vector<double> sum_;
};

/// Users of fold f are predicted by model f.
class CrossFitted final : public OutcomeModel {
 public:
  CrossFitted(Decision decision, const CrossFitting& folds, FoldModels models,
              std::vector<Calibrator> calibrators, std::vector<std::vector<double>> amounts)
      : decision_(decision),
        folds_(folds),
        models_(std::move(models)),
        calibrators_(std::move(calibrators)),
        amounts_(std::move(amounts)) {}

  void predict(const RequestBatch& requests, std::vector<double>& out) const override {
    std::vector<std::vector<std::uint32_t>> rows(models_.size());
    std::vector<std::size_t> cells{0};
    for (std::uint32_t i = 0; i < requests.size(); ++i) {
      rows[static_cast<std::size_t>(folds_.fold_of(UserId{requests.user[i]}))].push_back(i);
      cells.push_back(cells.back() + n_cells(requests, i));
    }
    out.resize(cells.back());
    std::vector<double> part;
    for (std::size_t f = 0; f < models_.size(); ++f) {
      if (rows[f].empty()) continue;
      models_[f]->predict(gather(requests, rows[f]), part);
      auto next = part.begin();
      for (const std::uint32_t i : rows[f]) {
        const auto n = static_cast<std::ptrdiff_t>(cells[i + 1] - cells[i]);
        REHEARSAL_CHECK(part.end() - next >= n);
        const std::span<double> own(out.data() + cells[i], cells[i + 1] - cells[i]);
        std::copy(next, next + n, own.begin());
        finish(requests.eligible(i), f, own);
        next += n;
      }
    }
  }

 private:
  std::size_t n_cells(const RequestBatch& requests, std::size_t i) const {
    if (decision_ == Decision::kItems) {
      const std::size_t n = requests.candidate_offsets[i + 1] - requests.candidate_offsets[i];
      return requests.n_placed(i, n) * n;
    }
    const std::size_t n = requests.n_eligible(i);
    return std::min<std::size_t>(requests.n_slots[i], n) * n;
  }

  /// Turns raw predictions of one round into rewards.
  void finish(std::span<const std::uint16_t> eligible, std::size_t fold,
              std::span<double> values) const {
    if (!calibrators_.empty())
      for (double& value : values) value = calibrators_[fold](value);
    if (!amounts_.empty())
      for (std::size_t c = 0; c < values.size(); ++c)
        values[c] *= amounts_[fold][eligible[c % eligible.size()]];
  }

  Decision decision_;
  CrossFitting folds_;
  FoldModels models_;
  std::vector<Calibrator> calibrators_;       // [fold]; empty: predictions stay as they are
  std::vector<std::vector<double>> amounts_;  // (folds, n_modules) a success; empty: 1
};

/// One fit under way: what the trainer is asked for, and how its models become rewards.
class OutcomeFit {
 public:
  OutcomeFit(const RoundSource& rounds, const std::vector<std::string>& names, const Rng& rng,
             const OutcomeOptions& options, int threads)
      : rounds_(rounds),
        decision_(decision_of(*rounds.schema)),
        options_(options),
        trainer_(options.trainer),
        threads_(threads) {
    check_outcome_options(options);
    if (trainer_ == nullptr)
      trainer_ = decision_ == Decision::kItems ? make_ridge_outcome() : make_logistic_outcome();
    if (trainer_->of_events() && decision_ == Decision::kItems)
      throw Error(ErrorKind::kInput,
                  "estimate.outcome.type: this family predicts clicks and purchases of modules; "
                  "ranked lists need ridge");
    folds_ = {rng, static_cast<int>(options.n_folds), options.calibrate != "none"};
    for (const std::string& name : names) {
      const Metric& metric = metrics().at(name);
      const std::string raw = trainer_->of_events() ? event_of(metric) : name;
      const auto found = std::find(raw_.begin(), raw_.end(), raw);
      of_metric_.push_back(static_cast<std::size_t>(found - raw_.begin()));
      measured_.push_back(&metric);
      if (found == raw_.end()) raw_.push_back(raw);  // each is fitted once
    }
  }

  FoldModels run(ProgressSink* progress) {
    raw_models_ = trainer_->fit(rounds_, raw_, folds_, threads_, progress);
    std::vector<std::vector<Calibrator>> calibrators(raw_.size());
    if (folds_.spare) calibrators = calibrate();
    FoldModels models;
    for (std::size_t m = 0; m < measured_.size(); ++m) {
      std::vector<std::vector<double>> amounts;
      if (trainer_->of_events() && !counts_successes(*measured_[m]))
        amounts = mean_amounts(*measured_[m]);
      const std::size_t raw = of_metric_[m];
      models.push_back(std::make_shared<CrossFitted>(decision_, folds_, raw_models_[raw],
                                                     calibrators[raw], std::move(amounts)));
    }
    return models;
  }

 private:
  bool list() const { return decision_ == Decision::kItems; }

  std::vector<std::vector<double>> mean_amounts(const Metric& metric) const {
    Columns columns;
    columns.propensities = false;
    columns.items = metric.of_items();
    const Amounts none(metric, rounds_.schema->n_modules(), folds_);
    Amounts total = none;
    ordered_reduce(
        rounds_.n_shards, threads_,
        [&](std::size_t shard) {
          Amounts own = none;
          own.add(rounds_.read(shard, columns));
          return own;
        },
        [&](std::size_t, Amounts&& own) { total.add(own); });
    std::vector<std::vector<double>> means;
    for (int model = 0; model < folds_.n_folds; ++model) means.push_back(total.means(model));
    return means;
  }

  /// Each model's on its spare fold. Returns: [raw][fold].
  std::vector<std::vector<Calibrator>> calibrate() const {
    using Sums = std::vector<std::vector<CalibrationSums>>;  // [raw][fold]
    const Sums none(raw_.size(),
                    std::vector<CalibrationSums>(static_cast<std::size_t>(folds_.n_folds)));
    Sums total = none;
    ordered_reduce(
        rounds_.n_shards, threads_,
        [&](std::size_t shard) {
          Sums own = none;
          add_shard(shard, own);
          return own;
        },
        [&](std::size_t, Sums&& own) {
          for (std::size_t r = 0; r < total.size(); ++r)
            for (std::size_t f = 0; f < total[r].size(); ++f) total[r][f].add(own[r][f]);
        });
    std::vector<std::vector<Calibrator>> out(raw_.size());
    for (std::size_t r = 0; r < raw_.size(); ++r)
      for (const CalibrationSums& sums : total[r]) {
        const std::vector<CalibrationCell> cells = sums.cells();
        if (cells.empty())
          throw Error(ErrorKind::kInput,
                      fmt::format("estimate.outcome.calibrate: one of {} folds of users shows "
                                  "nothing to calibrate on",
                                  folds_.n_folds));
        out[r].push_back(options_.calibrate == "platt"
                             ? Calibrator::platt(cells, trainer_->of_events())
                             : Calibrator::isotonic(cells));
      }
    return out;
  }

  void add_shard(std::size_t shard, std::vector<std::vector<CalibrationSums>>& sums) const {
    Columns columns;
    columns.propensities = false;
    columns.items = columns.candidates = list();
    for (const std::string& name : raw_) columns.items |= metrics().at(name).of_items();
    const LogBatch all = rounds_.read(shard, columns);
    for (int model = 0; model < folds_.n_folds; ++model) {
      std::vector<std::uint32_t> rows;
      for (std::uint32_t i = 0; i < all.size(); ++i)
        if (folds_.fold_of(UserId{all.requests.user[i]}) == folds_.spare_fold(model))
          rows.push_back(i);
      LogBatch part;
      part.requests = gather(all.requests, rows);
      part.responses = gather(all.responses, all.pages, rows);
      part.pages = gather(all.pages, rows);
      for (std::size_t r = 0; r < raw_.size(); ++r)
        add_rounds(part, r, static_cast<std::size_t>(model),
                   sums[r][static_cast<std::size_t>(model)]);
    }
  }

  /// Predictions of a model for what was shown, beside what came of it.
  void add_rounds(const LogBatch& batch, std::size_t raw, std::size_t model,
                  CalibrationSums& sums) const {
    std::vector<double> q_hat, reward;
    raw_models_[raw][model]->predict(batch.requests, q_hat);
    (list() ? item_rewards : slot_rewards)(metrics().at(raw_[raw]), batch.responses, batch.pages,
                                           reward);
    const LogBatch decisions = list() ? items_as_choices(batch) : LogBatch{};
    const RequestBatch& requests = list() ? decisions.requests : batch.requests;
    const PageBatch& pages = list() ? decisions.pages : batch.pages;
    std::size_t cell = 0;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      const std::uint32_t first = pages.slot_offsets[i];
      for (std::uint32_t s = first; s < pages.slot_offsets[i + 1]; ++s) {
        const auto at = std::find(eligible.begin(), eligible.end(), pages.module[s]);
        if (at == eligible.end())
          throw Error(ErrorKind::kInput, "log: a page shows what is not eligible");
        const double r = trainer_->of_events() ? std::min(1.0, reward[s]) : reward[s];
        if (options_.calibrate == "platt" && r != 0 && r != 1)
          throw Error(ErrorKind::kInput,
                      fmt::format("estimate.outcome.calibrate: platt is for rewards of 0 or 1, and "
                                  "'{}' has {}; isotonic takes any",
                                  raw_[raw], r));
        sums.add(q_hat[cell + (s - first) * eligible.size() +
                       static_cast<std::size_t>(at - eligible.begin())],
                 r);
      }
      const std::size_t n_places =
          list() ? batch.requests.n_placed(i, eligible.size())
                 : std::min<std::size_t>(requests.n_slots[i], eligible.size());
      cell += n_places * eligible.size();
    }
  }

  const RoundSource& rounds_;
  Decision decision_;
  const OutcomeOptions& options_;
  std::shared_ptr<const OutcomeTrainer> trainer_;
  int threads_;
  CrossFitting folds_;
  std::vector<std::string> raw_;         // what the trainer fits, each once
  std::vector<std::size_t> of_metric_;   // (metrics) index into raw_
  std::vector<const Metric*> measured_;  // (metrics)
  std::vector<FoldModels> raw_models_;   // [raw][fold]
};

}  // namespace

void check_outcome_options(const OutcomeOptions& options) {
  const std::string& how = options.calibrate;
  if (how != "none" && how != "platt" && how != "isotonic")
    throw Error(ErrorKind::kInput,
                "estimate.outcome.calibrate: '" + how + "' is not one of none, platt, isotonic");
  const std::int64_t least = how == "none" ? 2 : 3;
  if (options.n_folds < least || options.n_folds > 100)
    throw Error(
        ErrorKind::kInput,
        fmt::format("estimate.outcome.folds: {} is not in [{}, 100]{}", options.n_folds, least,
                    least == 3 ? ": one fold is predicted, one calibrates, others teach" : ""));
}

FoldModels fit_outcome_models(const RoundSource& rounds, const std::vector<std::string>& names,
                              const Rng& rng, const OutcomeOptions& options, int threads,
                              ProgressSink* progress) {
  return OutcomeFit(rounds, names, rng, options, threads).run(progress);
}

}  // namespace rehearsal
