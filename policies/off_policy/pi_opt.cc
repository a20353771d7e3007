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

/// The vectors of choices at each slot: slot k weighs outputs k * n_outputs on by them. Row
/// k * n_rows + r is that of row r.
ChoiceVectors in_slots(const ChoiceVectors& vectors, std::size_t n_slots) {
  ChoiceVectors out;
  out.n_outputs = n_slots * vectors.n_outputs;
  for (std::size_t k = 0; k < n_slots; ++k)
    for (std::size_t row = 0; row < vectors.size(); ++row) {
      for (std::size_t e = vectors.offsets[row]; e < vectors.offsets[row + 1]; ++e)
        out.add(k * vectors.n_outputs + vectors.output[e], vectors.value[e]);
      out.end_row();
    }
  return out;
}

/// A value of every (slot, choice), regressed on what the pseudo-inverse says each adds to a page;
/// pages take the best choice left, slot by slot.
class PiOpt final : public NetworkPolicy {
 public:
  PiOpt(const LearnerConfig& config, NamedPolicy behavior, const Schema& schema,
        std::size_t n_outputs)
      : NetworkPolicy("pi_opt", config, std::move(behavior), schema, {{"slots", n_outputs}}) {}

  bool deterministic() const override { return true; }

 private:
  Fitted learn(const Training& training) const override {
    const LoggedPages& pages = training.pages();
    const std::size_t n_slots = choices().encoder().n_slots();
    const std::size_t n_rows = pages.rows.vectors->size();
    LoggedPages slots;  // its choices are rows of in_slots()
    slots.rows.vectors =
        std::make_shared<const ChoiceVectors>(in_slots(*pages.rows.vectors, n_slots));
    slots.inputs = pages.inputs;
    slots.scale = pages.scale;
    slots.slot_offsets.assign(pages.size() + 1, 0);
    std::vector<double> targets;
    PseudoInverseCache inverses;
    for_each_decision(
        training.context(), choices(), schema(), pages, behavior(),
        [&](std::size_t i, const SlateDistribution& slates, std::size_t row) {
          const auto inverse = inverses.get(slates, row);
          if (inverse == nullptr) refuse(training);
          for (const double target : slot_targets(pages, i, *inverse)) targets.push_back(target);
          for (std::size_t k = 0; k < pages.n_shown(i); ++k)
            for (std::size_t c = pages.eligible_offsets[i]; c < pages.eligible_offsets[i + 1]; ++c)
              slots.eligible.push_back(
                  static_cast<std::uint32_t>(k * n_rows + pages.rows.of(c, pages.eligible[c])));
          slots.eligible_offsets.push_back(static_cast<std::uint32_t>(slots.eligible.size()));
        });
    const Training regression = training.on(slots, n_slots * training.n_outputs());
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

  ListedSlates page(const Outputs& outputs) const override {
    std::vector<std::uint16_t> page;
    for (std::size_t k = 0; k < outputs.n_positions; ++k) {
      std::uint16_t best = 0;
      float most = 0;
      bool any = false;
      for (std::uint16_t c = 0; c < outputs.ids.size(); ++c) {
        if (std::find(page.begin(), page.end(), c) != page.end()) continue;
        const float value = outputs.value(0, c, k * choices().n_outputs());
        if (any && value <= most) continue;
        best = c;
        most = value;
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
  read.learner.choices.check(config, context.schema);
  const Choices choices(context.schema, read.learner.choices);
  const std::size_t n_outputs = choices.encoder().n_slots() * choices.n_outputs();
  if (n_outputs > kMostOutputs)
    config.refuse("type",
                  "pi_opt learns a value for each place and module, or what an item is "
                  "known by, and " +
                      std::to_string(n_outputs) + " are more than " + std::to_string(kMostOutputs));
  return std::make_unique<PiOpt>(read.learner,
                                 policy_above(read.behavior.behavior, config, context),
                                 context.schema, n_outputs);
}

}  // namespace rehearsal
