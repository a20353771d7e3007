#include "policies/neural_outcome.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "policies/context_scorer.h"
#include "policies/learning.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

/// A trained network with what its inputs need.
struct Fitted {
  ContextScorer scorer;
  std::vector<double> position;  // (n_positions) added to click logits
};

class NeuralOutcome final : public OutcomeModel {
 public:
  NeuralOutcome(std::shared_ptr<const Fitted> fitted, std::size_t n_modules, bool purchase)
      : fitted_(std::move(fitted)), n_modules_(n_modules), purchase_(purchase) {}

  void predict(const RequestBatch& requests, std::vector<double>& out) const override {
    out.clear();
    RowMatrixF logits;
    fitted_->scorer.logits(requests, logits);
    const Encoder& encoder = fitted_->scorer.encoder();
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const float* row = logits.row(static_cast<Eigen::Index>(i)).data();
      const std::span<const std::uint16_t> eligible = requests.eligible(i);
      const std::size_t n = std::min<std::size_t>(requests.n_slots[i], eligible.size());
      for (std::size_t k = 0; k < n; ++k) {
        const double shift = fitted_->position[encoder.position(requests.features(i), k)];
        for (const std::uint16_t module : eligible) {
          const double click = logistic(static_cast<double>(row[module]) + shift);
          const double then =
              purchase_ ? logistic(static_cast<double>(row[n_modules_ + module])) : 1.0;
          out.push_back(click * then);
        }
      }
    }
  }

 private:
  std::shared_ptr<const Fitted> fitted_;
  std::size_t n_modules_;
  bool purchase_;
};

class NeuralTrainer final : public OutcomeTrainer {
 public:
  explicit NeuralTrainer(Trainer* trainer) : trainer_(trainer) {}

  bool of_events() const override { return true; }

  std::vector<FoldModels> fit(const RoundSource& rounds, const std::vector<std::string>& names,
                              const CrossFitting& folds, int /*threads: training has one*/,
                              ProgressSink* progress) const override {
    Trainer& trainer = trainer_ != nullptr ? *trainer_ : load_trainer();
    const bool purchase = std::find(names.begin(), names.end(), "ptr") != names.end();
    std::vector<FoldModels> models(names.size());
    for (int model = 0; model < folds.n_folds; ++model) {
      const auto fitted = train(trainer, rounds, folds, model, purchase, progress);
      for (std::size_t j = 0; j < names.size(); ++j)
        models[j].push_back(
            std::make_shared<NeuralOutcome>(fitted, rounds.schema->n_modules(), names[j] == "ptr"));
    }
    return models;
  }

 private:
  static std::shared_ptr<const Fitted> train(Trainer& trainer, const RoundSource& rounds,
                                             const CrossFitting& folds, int model, bool purchase,
                                             ProgressSink* progress) {
    const std::string task = fmt::format("fit q_hat {} of {}", model + 1, folds.n_folds);
    ModuleExamplesOptions options;
    options.purchase = purchase;
    options.users = [folds, model](UserId user) {
      return folds.learns_from(model, folds.fold_of(user));
    };
    ModuleExamples examples(rounds, options, folds.rng, task);
    const Encoder& encoder = examples.encoder();
    ModuleNetworkSpec spec;
    spec.n_inputs = static_cast<std::int64_t>(encoder.n_inputs());
    spec.n_modules = static_cast<std::int64_t>(rounds.schema->n_modules());
    spec.n_positions = static_cast<std::int64_t>(encoder.n_positions());
    spec.hidden = {64, 32};
    spec.purchase = purchase;
    spec.learning_rate = 0.01;
    spec.weight_decay = 0.3;
    const Arrays weights =
        trainer.train_module_network(spec, examples, folds.rng, task, progress).weights;
    return std::make_shared<Fitted>(
        Fitted{ContextScorer(encoder, spec, scorer_state(weights, examples.scale())),
               state_array(weights, "position", {encoder.n_positions()}).values});
  }

  Trainer* trainer_;
};

}  // namespace

std::unique_ptr<OutcomeTrainer> make_neural_outcome(Trainer* trainer) {
  return std::make_unique<NeuralTrainer>(trainer);
}

}  // namespace rehearsal
