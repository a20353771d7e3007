#include "policies/off_policy/reward_model.h"

#include <cmath>

namespace rehearsal {

namespace {

ModuleLogistic fit(const Training& training, const std::string& reward, double l2) {
  ModuleLogisticSpec spec;
  spec.objective = reward == "purchase" ? Objective::kPurchase : Objective::kClick;
  spec.l2 = l2;
  ModuleLogisticOptions options;
  options.threads = 1;  // policies are fitted side by side
  options.task = "train " + training.context().name;
  return fit_module_logistic(training.context().rounds, {spec}, training.context().rng, options)
      .front();
}

}  // namespace

RewardModel::RewardModel(const Training& training, const std::string& reward, double l2)
    : model_(fit(training, reward, l2)) {
  const InputScale& scale = training.pages().scale;
  for (Eigen::Index m = 0; m < model_.coefficients.rows(); ++m)
    for (std::size_t j = 0; j < scale.mean().size(); ++j) {
      double& slope = model_.coefficients(m, static_cast<Eigen::Index>(j) + 1);
      model_.coefficients(m, 0) += slope * scale.mean()[j];
      if (scale.sd()[j] > 0) slope *= scale.sd()[j];
    }
}

void RewardModel::operator()(const LoggedPages& pages, std::size_t i, std::size_t k,
                             std::span<double> out) const {
  const std::span<const float> inputs{pages.inputs.row(static_cast<Eigen::Index>(i)).data(),
                                      static_cast<std::size_t>(pages.inputs.cols())};
  const double place = model_.position[pages.of(pages.position, i)[k]];
  const std::span<const std::uint16_t> eligible = pages.eligible_of(i);
  for (std::size_t c = 0; c < eligible.size(); ++c)
    out[c] = 1 / (1 + std::exp(-model_.logit(eligible[c], inputs) - place));
}

}  // namespace rehearsal
