#pragma once

#include <string>

#include "policies/off_policy/learner.h"
#include "policies/off_policy/objectives.h"
#include "sim/module_logistic.h"

namespace rehearsal {

/// q_hat of the learner's reward: a logistic regression a module with an additive logit of the
/// place, on standardised inputs. Of items one for all of them: its logit is a choice's vector
/// and the place's indicator times outputs that are linear in the inputs; it climbs as the learner
/// does, with l2 as its decay.
class RewardModel {
 public:
  /// Learns from the training's whole log, whose pages it must be asked about where they are lists.
  /// Args: reward: "click" or "purchase".
  RewardModel(const Training& training, const std::string& reward, double l2);

  /// As SlotRewards.
  void operator()(const LoggedPages& pages, std::size_t i, std::size_t k,
                  std::span<double> out) const;
  /// Of modules: (n_modules, 1 + n_inputs), what the place adds left out.
  const RowMatrix& coefficients() const { return model_.coefficients; }

 private:
  void fit_modules(const Training& training, const std::string& reward, double l2);
  void fit_items(const Training& training, double l2);

  bool of_items_;
  ModuleLogistic model_;      // of modules
  std::vector<float> base_;   // of items: logit of every logged choice, the place's left out
  std::vector<float> place_;  // of items: that of the place of every logged slot
};

}  // namespace rehearsal
