#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policies/off_policy/behavior.h"
#include "policies/off_policy/logged_pages.h"
#include "policies/off_policy/score_network.h"
#include "sim/policy.h"

// What off-policy learners of page orders share: a Plackett-Luce policy over modules whose logits a
// linear or neural model gives, and its training on logged pages. A learner is one .cc beside this
// file with a LearningMethod of its own.
namespace rehearsal {

/// What a learner raises, page by page.
class PageObjective {
 public:
  virtual ~PageObjective() = default;
  /// Before an epoch, for what depends on the model as it stands.
  virtual void start_epoch(const LoggedPages& /*pages*/, ScoreNetwork& /*network*/) {}
  /// Args: logits: (n_eligible) of page i.  epoch: draws are addressed by it and the page.
  ///       gradient: (n_eligible) zeros; set to the page's gradient with respect to its logits.
  virtual void gradient(const LoggedPages& pages, std::size_t i, std::span<const double> logits,
                        int epoch, std::span<double> gradient) const = 0;
};

/// Keys that every learner has.
struct LearnerConfig {
  std::string reward = "click";
  ChoiceConfig choices;
  std::vector<std::int64_t> hidden;
  std::int64_t steps = 4000;
  std::int64_t batch = 256;
  double learning_rate = 0.01;
  double weight_decay = 0.3;
  std::string serve = "sample";

  /// Puts the table of these keys in front of a learner's own.
  Fields fields();
  /// All but `serve`, for learners whose pages are not drawn from what they raise.
  Fields training_fields();
};

/// One training: the pages, and how a model climbs an objective.
class Training {
 public:
  /// Args: choices: of the pages; null: each has an output of its own.
  Training(const FitContext& context, const LearnerConfig& config, const LoggedPages& pages,
           const Choices* choices, std::size_t n_outputs)
      : context_(context),
        config_(config),
        pages_(pages),
        choices_(choices),
        n_outputs_(n_outputs) {}

  const LoggedPages& pages() const { return pages_; }
  const FitContext& context() const { return context_; }
  const LearnerConfig& config() const { return config_; }
  std::size_t n_outputs() const { return n_outputs_; }
  const Choices& choices() const { return *choices_; }
  /// The same training on other pages of the same choices, which must outlive it.
  Training on(const LoggedPages& pages) const {
    return Training(context_, config_, pages, choices_, n_outputs_);
  }
  /// The same on pages that choose among so many outputs.
  Training on(const LoggedPages& pages, std::size_t n_outputs) const {
    return Training(context_, config_, pages, nullptr, n_outputs);
  }
  /// An untrained model: every page equally likely.
  ScoreNetwork start() const;
  /// The same, its choices' odds those of the log: pages as they are shown today, on average. By
  /// fitted_strengths() where each choice has an output of its own, else those that a Plackett-Luce
  /// law of the choices' vectors, whatever the request, makes likeliest.
  ScoreNetwork behavior_start() const;
  /// Ascends by Adam with decoupled decay in config.steps steps, the rate falling linearly to 0.
  /// Raises: Error(kRuntime) when a parameter stops being finite.
  void ascend(PageObjective& objective, ScoreNetwork& network) const;

 private:
  void check_finite(const ScoreNetwork& network) const;

  const FitContext& context_;
  const LearnerConfig& config_;
  const LoggedPages& pages_;
  const Choices* choices_;
  std::size_t n_outputs_;
};

struct Learnt {
  ScoreNetwork network;
  bool improved = true;  // false: nothing better was found than pages as they are
};

/// From logged pages to a model.
class LearningMethod {
 public:
  virtual ~LearningMethod() = default;
  virtual Learnt learn(const Training& training) const = 0;
};

/// Calls body(i, outputs) for every page, outputs those of the network as it stands.
void for_each_output(const LoggedPages& pages, ScoreNetwork& network,
                     const std::function<void(std::size_t, const double*)>& body);
/// Calls body(i, logits) for every page, logits (n_eligible) of the network as it stands.
void for_each_page(const LoggedPages& pages, ScoreNetwork& network,
                   const std::function<void(std::size_t, std::span<const double>)>& body);

/// A policy that learns by `method`. Args: given: the policy's mapping, for messages.
///       fallback: who decides where nothing better was found; null: the model all the same.
std::unique_ptr<Policy> make_off_policy_learner(std::string type, LearnerConfig config,
                                                std::unique_ptr<const LearningMethod> method,
                                                const PluginConfig& given, const Schema& schema,
                                                NamedPolicy fallback = {});

}  // namespace rehearsal
