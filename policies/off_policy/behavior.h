#pragma once

#include <functional>
#include <memory>
#include <string>

#include "policies/off_policy/logged_pages.h"
#include "sim/core/fields.h"
#include "sim/policy.h"

// What else the policy that wrote the log could have shown: for learners whose weights or targets
// need more of it than the probability of what was shown.
namespace rehearsal {

/// A policy that another one refers to by name; null without a name. Whoever holds it is saved with
/// it.
struct NamedPolicy {
  std::string name;
  std::shared_ptr<Policy> policy;
};

/// Args: given: the mapping that says `behavior: name`, for messages.
/// Raises: Error(kInput) unless a policy above has that name.
NamedPolicy policy_above(const std::string& name, const PluginConfig& given,
                         const PolicyContext& context);

/// Puts the state of a part into that of the whole, and takes it out again, which sets it.
void add_part_state(const NamedPolicy& part, Arrays& state);
Arrays take_part_state(const NamedPolicy& part, const Arrays& state);

/// Plackett-Luce strengths of the choices' ids that make the log's pages likeliest, whatever the
/// context (Hunter, Annals of Statistics 2004). Returns: (n_ids).
std::vector<double> fitted_strengths(const LoggedPages& pages, std::size_t n_ids);

/// The key of learners that need the whole behaviour policy.
struct BehaviorConfig {
  std::string behavior;
  void add_to(Fields& fields) {
    fields.add(
        "behavior", behavior,
        "policy named before that wrote the log, to know what else it could have shown; "
        "'': pages with the odds of the modules, or items, in the log, whatever the context");
  }
};

/// Decision `row` of `slates` is what the behaviour policy could have shown on page i.
using DecisionBody =
    std::function<void(std::size_t i, const SlateDistribution& slates, std::size_t row)>;
/// Calls body for every page of the log in the order of `pages`, which were read from it.
/// Args: behavior: null: the log's odds.
/// Raises: Error(kInput) when `behavior` would have shown a page with another probability than the
/// log says.
void for_each_decision(const FitContext& context, const Choices& choices, const Schema& schema,
                       const LoggedPages& pages, const NamedPolicy& behavior,
                       const DecisionBody& body);

/// P(c | s_0 ... s_{k-1}) of every choice under the behaviour policy. Args: slate: what was shown.
///       out: (n_choices).
void behavior_step(const SlateDistribution& slates, std::size_t row,
                   std::span<const std::uint16_t> slate, std::size_t k, std::span<double> out);

}  // namespace rehearsal
