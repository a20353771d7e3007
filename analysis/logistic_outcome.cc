#include <cmath>

#include "analysis/outcome.h"
#include "sim/metrics.h"
#include "sim/module_logistic.h"

namespace rehearsal {

namespace {

class LogisticOutcome final : public OutcomeModel {
 public:
  LogisticOutcome(const Schema& schema, ModuleLogistic model)
      : encoder_(schema), model_(std::move(model)) {
    for (const double logit : model_.position) factor_.push_back(std::exp(-logit));
  }

  void predict(const RequestBatch& requests, std::vector<double>& out) const override {
    out.clear();
    std::vector<float> inputs(encoder_.n_inputs());
    std::vector<double> odds_against;
    for (std::size_t i = 0; i < requests.size(); ++i) {
      encoder_.encode(requests.features(i), inputs);
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      odds_against.resize(eligible.size());
      for (std::size_t c = 0; c < eligible.size(); ++c)
        odds_against[c] = std::exp(-model_.logit(eligible[c], inputs));
      const std::size_t n = std::min<std::size_t>(requests.n_slots[i], eligible.size());
      for (std::size_t k = 0; k < n; ++k) {
        const double factor = factor_[encoder_.position(requests.features(i), k)];
        for (const double odds : odds_against) out.push_back(1 / (1 + odds * factor));
      }
    }
  }

 private:
  Encoder encoder_;
  ModuleLogistic model_;
  std::vector<double> factor_;  // exp(-position logit)
};

/// All events and folds in the same passes over the log.
class LogisticTrainer final : public OutcomeTrainer {
 public:
  bool of_events() const override { return true; }

  std::vector<FoldModels> fit(const RoundSource& rounds, const std::vector<std::string>& names,
                              const CrossFitting& folds, int threads,
                              ProgressSink* progress) const override {
    std::vector<ModuleLogisticSpec> specs;
    for (const std::string& name : names)
      for (int fold = 0; fold < folds.n_folds; ++fold) {
        specs.emplace_back();
        specs.back().objective = name == "ptr" ? Objective::kPurchase : Objective::kClick;
        specs.back().n_folds = folds.n_folds;
        specs.back().left_out = folds.left_out(fold);
      }
    ModuleLogisticOptions options;
    options.threads = threads;
    options.task = "fit q_hat";
    options.progress = progress;
    std::vector<ModuleLogistic> fits = fit_module_logistic(rounds, specs, folds.rng, options);
    std::vector<FoldModels> models(names.size());
    for (std::size_t j = 0; j < fits.size(); ++j)
      models[j / static_cast<std::size_t>(folds.n_folds)].push_back(
          std::make_shared<LogisticOutcome>(*rounds.schema, std::move(fits[j])));
    return models;
  }
};

}  // namespace

std::unique_ptr<OutcomeTrainer> make_logistic_outcome() {
  return std::make_unique<LogisticTrainer>();
}

}  // namespace rehearsal
