#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/batch.h"
#include "sim/core/progress.h"
#include "sim/core/rng.h"
#include "sim/log/source.h"

namespace rehearsal {

/// A fitted reward model q_hat(request, slot, module): the expected reward of showing an eligible
/// module at a slot. Interface only, so that a network fitted by policies/ can serve estimators.
class OutcomeModel {
 public:
  virtual ~OutcomeModel() = default;
  /// Args: out: for request i, block of n_positions(i) * n_eligible(i) values, slot-major, blocks
  ///       in request order; n_positions = min(n_slots, eligible).
  virtual void predict(const RequestBatch& requests, std::vector<double>& out) const = 0;
};

/// Which users each of the n_folds models of a cross-fitting learns from (Chernozhukov et al.,
/// Econometrics Journal 2018). Model f predicts the users of fold f.
struct CrossFitting {
  Rng rng{0};       // its Draw::kAssignment deals users to folds
  int n_folds = 2;  // at least 2
  bool spare =
      false;  // model f leaves out fold f + 1 as well, for what calibrates it; 3 folds then

  /// Returns: 0 to n_folds - 1.
  int fold_of(UserId user) const;
  /// The fold that calibrates a model.
  int spare_fold(int model) const { return (model + 1) % n_folds; }
  bool learns_from(int model, int fold) const {
    return fold != model && !(spare && fold == spare_fold(model));
  }
  /// Folds that a model does not learn from.
  std::vector<int> left_out(int model) const;
};

/// Models of one reward, by fold.
using FoldModels = std::vector<std::shared_ptr<const OutcomeModel>>;

/// Fits reward models of one family. Implementations: analysis/outcome.h,
/// policies/neural_outcome.h.
class OutcomeTrainer {
 public:
  virtual ~OutcomeTrainer() = default;
  /// Whether predictions are probabilities that a module is clicked ("ctr") or purchased from
  /// ("ptr"), the only names that fit is then called with; else rewards of any metric.
  virtual bool of_events() const = 0;
  /// Args: names: of sim/metrics.cc.  threads: changes no byte.  progress: may be null.
  /// Returns: [name][fold]; rounds.schema must outlive them.
  /// Raises: Error(kInput) for a column that the log lacks.
  virtual std::vector<FoldModels> fit(const RoundSource& rounds,
                                      const std::vector<std::string>& names,
                                      const CrossFitting& folds, int threads,
                                      ProgressSink* progress) const = 0;
};

}  // namespace rehearsal
