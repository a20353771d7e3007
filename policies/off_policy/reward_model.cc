#include "policies/off_policy/reward_model.h"

#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

/// Log-likelihood of what each shown choice earned.
class LogisticReward final : public PageObjective {
 public:
  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const std::span<const double> rewards = pages.of(pages.reward, i);
    for (std::size_t k = 0; k < logits.size(); ++k) gradient[k] = rewards[k] - logistic(logits[k]);
  }
};

/// Pages whose choices are what they showed, each with its place behind its vector.
LoggedPages shown_only(const LoggedPages& pages, std::size_t n_outputs, std::size_t n_positions) {
  LoggedPages out;
  out.inputs = pages.inputs;
  out.scale = pages.scale;
  out.slot_offsets = pages.slot_offsets;
  out.eligible_offsets = pages.slot_offsets;
  out.reward = pages.reward;
  ChoiceVectors vectors;
  vectors.n_outputs = n_outputs + n_positions;
  const ChoiceVectors& own = *pages.rows.vectors;
  for (std::size_t i = 0; i < pages.size(); ++i)
    for (std::size_t k = 0; k < pages.n_shown(i); ++k) {
      const std::size_t choice = pages.eligible_offsets[i] + pages.of(pages.choice, i)[k];
      const std::size_t row = pages.rows.of(choice, pages.eligible[choice]);
      for (std::size_t e = own.offsets[row]; e < own.offsets[row + 1]; ++e)
        vectors.add(own.output[e], own.value[e]);
      vectors.add(n_outputs + pages.of(pages.position, i)[k], 1);
      vectors.end_row();
      out.eligible.push_back(static_cast<std::uint32_t>(out.eligible.size()));
    }
  out.rows.vectors = std::make_shared<const ChoiceVectors>(std::move(vectors));
  return out;
}

}  // namespace

RewardModel::RewardModel(const Training& training, const std::string& reward, double l2)
    : of_items_(training.choices().of_items()) {
  if (of_items_)
    fit_items(training, l2);
  else
    fit_modules(training, reward, l2);
}

void RewardModel::fit_modules(const Training& training, const std::string& reward, double l2) {
  ModuleLogisticSpec spec;
  spec.objective = reward == "purchase" ? Objective::kPurchase : Objective::kClick;
  spec.l2 = l2;
  ModuleLogisticOptions options;
  options.threads = 1;  // policies are fitted side by side
  options.task = "train " + training.context().name;
  model_ = fit_module_logistic(training.context().rounds, {spec}, training.context().rng, options)
               .front();
  const InputScale& scale = training.pages().scale;
  for (Eigen::Index m = 0; m < model_.coefficients.rows(); ++m)
    for (std::size_t j = 0; j < scale.mean().size(); ++j) {
      double& slope = model_.coefficients(m, static_cast<Eigen::Index>(j) + 1);
      model_.coefficients(m, 0) += slope * scale.mean()[j];
      if (scale.sd()[j] > 0) slope *= scale.sd()[j];
    }
}

void RewardModel::fit_items(const Training& training, double l2) {
  const LoggedPages& pages = training.pages();
  const std::size_t n_outputs = training.choices().n_outputs();
  const std::size_t n_positions = training.choices().encoder().n_positions();
  const LoggedPages shown = shown_only(pages, n_outputs, n_positions);
  LearnerConfig config = training.config();
  config.hidden.clear();
  config.weight_decay = l2;
  const Training own(training.context(), config, shown, nullptr, n_outputs + n_positions);
  ScoreNetwork network = own.start();
  LogisticReward objective;
  own.ascend(objective, network);
  std::vector<double> base;
  for_each_output(pages, network, [&](std::size_t i, const double* outputs) {
    pages.take_logits(i, outputs, base);
    for (const double logit : base) base_.push_back(static_cast<float>(logit));
    for (const std::uint16_t position : pages.of(pages.position, i))
      place_.push_back(static_cast<float>(outputs[n_outputs + position]));
  });
}

void RewardModel::operator()(const LoggedPages& pages, std::size_t i, std::size_t k,
                             std::span<double> out) const {
  if (of_items_) {
    const float* base = base_.data() + pages.eligible_offsets[i];
    const float at = place_[pages.slot_offsets[i] + k];
    for (std::size_t c = 0; c < out.size(); ++c)
      out[c] = logistic(static_cast<double>(base[c] + at));
    return;
  }
  const std::span<const float> inputs{pages.inputs.row(static_cast<Eigen::Index>(i)).data(),
                                      static_cast<std::size_t>(pages.inputs.cols())};
  const double place = model_.position[pages.of(pages.position, i)[k]];
  const std::span<const std::uint32_t> eligible = pages.eligible_of(i);
  for (std::size_t c = 0; c < eligible.size(); ++c)
    out[c] = logistic(model_.logit(eligible[c], inputs) + place);
}

}  // namespace rehearsal
