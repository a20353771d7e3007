#include <algorithm>

#include "policies/makers.h"
#include "policies/off_policy/network_policy.h"
#include "policies/off_policy/objectives.h"
#include "sim/core/error.h"
#include "sim/slate/pseudo_inverse.h"

namespace rehearsal {

namespace {

constexpr std::size_t kMostOutputs = 65535;

struct PiOptConfig {
  LearnerConfig learner;
  BehaviorConfig behavior;
  Fields fields() {
    Fields fields = learner.training_fields();
    behavior.add_to(fields);
    return fields;
  }
};

/// - sum of (target - logit)^2 / 2. Args: targets: flat as the pages' `eligible`.
class SquaredError final : public PageObjective {
 public:
  explicit SquaredError(std::vector<double> targets) : targets_(std::move(targets)) {}

  void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits, int,
                std::span<double> gradient) const override {
    const double* targets = targets_.data() + pages.eligible_offsets[i];
    for (std::size_t c = 0; c < logits.size(); ++c) gradient[c] = targets[c] - logits[c];
  }

 private:
  std::vector<double> targets_;
};

/// A value of every (slot, module), regressed on what the pseudo-inverse says each adds to a page;
/// pages take the best module left, slot by slot.
class PiOpt final : public NetworkPolicy {
 public:
  PiOpt(const LearnerConfig& config, NamedPolicy behavior, const Schema& schema)
      : NetworkPolicy("pi_opt", config, std::move(behavior), schema,
                      {{"slots", schema.n_slots * schema.n_modules()}}) {}

  bool deterministic() const override { return true; }

 private:
  Fitted learn(const Training& training) const override {
    const LoggedPages& pages = training.pages();
    const std::size_t n_modules = training.n_modules();
    LoggedPages slots;  // "modules" are slot * n_modules + module
    slots.inputs = pages.inputs;
    slots.scale = pages.scale;
    slots.slot_offsets.assign(pages.size() + 1, 0);
    std::vector<double> targets;
    PseudoInverseCache inverses;
    for_each_decision(
        training.context(), schema(), pages, behavior(),
        [&](std::size_t i, const SlateDistribution& slates, std::size_t row) {
          const auto inverse = inverses.get(slates, row);
          if (inverse == nullptr) refuse(training);
          for (const double target : slot_targets(pages, i, *inverse)) targets.push_back(target);
          for (std::size_t k = 0; k < pages.n_shown(i); ++k)
            for (const std::uint16_t module : pages.eligible_of(i))
              slots.eligible.push_back(static_cast<std::uint16_t>(k * n_modules + module));
          slots.eligible_offsets.push_back(static_cast<std::uint32_t>(slots.eligible.size()));
        });
    const Training regression = training.on(slots, schema().n_slots * n_modules);
    ScoreNetwork network = regression.start();
    SquaredError objective(std::move(targets));
    regression.ascend(objective, network);
    return {{network}, {}};
  }

  [[noreturn]] void refuse(const Training& training) const {
    throw Error(ErrorKind::kInput,
                "train " + training.context().name +
                    ": pi_opt needs the behaviour policy's probabilities of two modules at two "
                    "slots, which are not to be had exactly for " +
                    (behavior().policy ? "'" + behavior().name + "'" : "pages of so many orders"));
  }

  ListedSlates decide(const Outputs& outputs) const override {
    std::vector<std::uint16_t> page;
    for (std::size_t k = 0; k < outputs.n_positions; ++k) {
      const float* values = outputs.networks[0].data() + k * schema().n_modules();
      std::uint16_t best = 0;
      bool any = false;
      for (std::uint16_t c = 0; c < outputs.eligible.size(); ++c) {
        if (std::find(page.begin(), page.end(), c) != page.end()) continue;
        if (any && values[outputs.eligible[c]] <= values[outputs.eligible[best]]) continue;
        best = c;
        any = true;
      }
      page.push_back(best);
    }
    return {{page, 1.0}};
  }
};

}  // namespace

std::vector<double> slot_targets(const LoggedPages& pages, std::size_t i,
                                 const RowMatrix& inverse) {
  const std::size_t m = pages.n_eligible(i);
  const std::span<const std::uint16_t> choice = pages.of(pages.choice, i);
  double reward = 0;
  for (const double of_slot : pages.of(pages.reward, i)) reward += of_slot;
  std::vector<double> targets(choice.size() * m, 0.0);
  for (std::size_t k = 0; k < choice.size(); ++k) {
    const auto column = static_cast<Eigen::Index>(k * m + choice[k]);
    for (std::size_t c = 0; c < targets.size(); ++c)
      targets[c] += reward * inverse(static_cast<Eigen::Index>(c), column);
  }
  return targets;
}

FieldDescriptions describe_pi_opt() { return describe_fields<PiOptConfig>(); }

PolicyPtr make_pi_opt(const PluginConfig& config, const PolicyContext& context) {
  const auto read = config.read<PiOptConfig>();
  if (context.schema.n_slots * context.schema.n_modules() > kMostOutputs)
    config.refuse("type", "pi_opt learns a value for each slot and module, and " +
                              std::to_string(context.schema.n_slots * context.schema.n_modules()) +
                              " are more than " + std::to_string(kMostOutputs));
  return std::make_unique<PiOpt>(
      read.learner, policy_above(read.behavior.behavior, config, context), context.schema);
}

}  // namespace rehearsal
