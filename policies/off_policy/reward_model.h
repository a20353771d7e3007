#pragma once

#include <string>

#include "policies/off_policy/learner.h"
#include "policies/off_policy/objectives.h"
#include "sim/module_logistic.h"

namespace rehearsal {

/// q_hat: a logistic regression a module of the learner's reward, with an additive logit of the
/// place, on standardised inputs.
class RewardModel {
 public:
  /// Learns from the training's whole log. Args: reward: "click" or "purchase".
  RewardModel(const Training& training, const std::string& reward, double l2);

  /// As SlotRewards.
  void operator()(const LoggedPages& pages, std::size_t i, std::size_t k,
                  std::span<double> out) const;
  /// (n_modules, 1 + n_inputs): what the place adds left out.
  const RowMatrix& coefficients() const { return model_.coefficients; }

 private:
  ModuleLogistic model_;
};

}  // namespace rehearsal
