#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/core/arrays.h"
#include "sim/core/progress.h"
#include "sim/core/rng.h"
#include "sim/encoder.h"
#include "sim/log/source.h"

namespace rehearsal {

/// What an impression of a module is a success of.
enum class Objective {
  kClick,               // it was clicked
  kPurchase,            // something was purchased from it
  kPurchaseGivenClick,  // the same, among clicked impressions only
};

/// A logistic regression on shown modules: logit P = b_m + w_m . x + g(device, slot), with x the
/// encoded context. The position logit of slot 0 is 0 for every device.
struct ModuleLogisticSpec {
  Objective objective = Objective::kClick;
  bool position = true;  // false: no g
  double l2 = 1.0;       // l2 / 2 * (|w|^2 + |g|^2 + |b - pooled logit|^2) beside the summed loss
  int n_folds = 0;       // > 0: users whose cross_fitting_fold is in `left_out` are left out
  std::vector<int> left_out{};
  /// Weight of an impression (>= 0); null: 1. Called from any thread.
  std::function<double(const LogBatch& batch, std::size_t round, std::size_t slot)> weight;
};

struct ModuleLogistic {
  RowMatrix coefficients;        // (n_modules, 1 + n_inputs), b first
  std::vector<double> position;  // (n_positions), zeros without position logits
  double loss = 0;               // penalised, at the end
  double n_impressions = 0;      // that it learnt from, unweighted
  int n_iterations = 0;
  bool converged = false;

  /// b_m + w_m . x. Args: inputs: (n_inputs) of Encoder.
  double logit(std::size_t module, std::span<const float> inputs) const;
};

struct ModuleLogisticOptions {
  int max_iterations = 30;
  double tolerance = 1e-7;  // largest change of a coefficient; the error left is its square
  int threads = 0;          // changes no byte
  std::string task = "fit logistic";
  ProgressSink* progress = nullptr;
};

/// Fits all specs in the same passes over the log, by Newton's method on the arrow-shaped normal
/// equations (a block a module, a border of positions). Memory does not grow with the log.
/// Args: rng: decides the folds.
/// Raises: Error(kInput) when the log lacks the column of an objective, or a fit does not converge.
std::vector<ModuleLogistic> fit_module_logistic(const RoundSource& rounds,
                                                const std::vector<ModuleLogisticSpec>& specs,
                                                const Rng& rng,
                                                const ModuleLogisticOptions& options);

/// The fold of a user, addressed by Draw::kAssignment. Returns: 0 to n_folds - 1.
int cross_fitting_fold(const Rng& rng, UserId user, int n_folds);

/// For saving: "coefficients" (n_modules, 1 + n_inputs) and "position" (n_positions).
Arrays to_arrays(const ModuleLogistic& model);
/// Raises: Error(kInput) for missing arrays or other shapes.
ModuleLogistic module_logistic_from(const Arrays& arrays, std::size_t n_modules,
                                    const Encoder& encoder);

}  // namespace rehearsal
