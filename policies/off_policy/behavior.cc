#include "policies/off_policy/behavior.h"

#include <fmt/format.h>

#include <cmath>

#include "policies/learning.h"
#include "policies/page_choices.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

const std::string kPart = "behavior.";  // of a saved state
constexpr int kMostIterations = 200;
constexpr double kTolerance = 1e-4;  // of a logarithm of odds
constexpr double kSame = 1e-6;       // of a probability, relative

std::unique_ptr<SlateDistribution> odds(const Choices& choices, const RequestBatch& requests,
                                        const std::vector<double>& strength) {
  ChoiceColumns columns;
  choices.read(requests, columns);
  std::vector<double> logits;
  logits.reserve(columns.id.size());
  for (const std::uint32_t id : columns.id) logits.push_back(std::log(strength[id]));
  return make_plackett_luce(requests.module_offsets, page_positions(requests), std::move(logits));
}

void check_shown(const FitContext& context, const NamedPolicy& behavior, const LoggedPages& pages,
                 std::size_t i, const SlateDistribution& slates, std::size_t row) {
  const std::span<const double> logged = pages.of(pages.pscore_cascade, i);
  std::vector<double> own(logged.size());
  slates.prefix_probabilities(row, pages.of(pages.choice, i), own);
  for (std::size_t k = 0; k < own.size(); ++k)
    if (!(std::abs(own[k] - logged[k]) <= kSame * logged[k]))
      throw Error(
          ErrorKind::kInput,
          fmt::format("train {}: '{}' would show user {} the first {} choices of a logged "
                      "page with probability {}, the log says {}: `behavior` must be the "
                      "policy that wrote the log",
                      context.name, behavior.name, pages.user[i], k + 1, own[k], logged[k]));
}

}  // namespace

NamedPolicy policy_above(const std::string& name, const PluginConfig& given,
                         const PolicyContext& context) {
  if (name.empty()) return {};
  const auto found = context.others.find(name);
  if (found == context.others.end()) {
    std::vector<std::string> known;
    for (const auto& [other, policy] : context.others) known.push_back(other);
    given.refuse("behavior", unknown_name("policy above this one", name, known));
  }
  return {name, found->second};
}

void add_part_state(const NamedPolicy& part, Arrays& state) {
  if (!part.policy || state.empty()) return;
  for (auto& [name, array] : part.policy->state()) state[kPart + name] = std::move(array);
}

Arrays take_part_state(const NamedPolicy& part, const Arrays& state) {
  Arrays own;
  Arrays of_part;
  for (const auto& [name, array] : state)
    if (name.rfind(kPart, 0) == 0)
      of_part[name.substr(kPart.size())] = array;
    else
      own[name] = array;
  if (!of_part.empty() && part.policy) part.policy->set_state(of_part);
  return own;
}

/// By minorisation (equation 30): strength_m = times chosen / sum over steps with m at hand of
/// 1 / (strength at hand). A module never shown gets half a showing.
std::vector<double> fitted_strengths(const LoggedPages& pages, std::size_t n_ids) {
  std::vector<double> chosen(n_ids, 0.5);
  for (std::size_t i = 0; i < pages.size(); ++i)
    for (const std::uint16_t c : pages.of(pages.choice, i)) chosen[pages.eligible_of(i)[c]] += 1;
  std::vector<double> strength(n_ids, 1.0);
  for (int iteration = 0; iteration < kMostIterations; ++iteration) {
    std::vector<double> exposure(n_ids, 0.0);
    for (std::size_t i = 0; i < pages.size(); ++i) {
      const std::span<const std::uint32_t> eligible = pages.eligible_of(i);
      double at_hand = 0;
      for (const std::uint32_t id : eligible) at_hand += strength[id];
      double inverse = 0;  // summed over the steps so far
      for (const std::uint16_t c : pages.of(pages.choice, i)) {
        inverse += 1 / at_hand;
        exposure[eligible[c]] += inverse;
        at_hand -= strength[eligible[c]];
      }
      const std::span<const std::uint16_t> shown = pages.of(pages.choice, i);
      for (std::size_t c = 0; c < eligible.size(); ++c)
        if (std::find(shown.begin(), shown.end(), c) == shown.end())
          exposure[eligible[c]] += inverse;
    }
    double change = 0;
    for (std::size_t m = 0; m < n_ids; ++m) {
      if (exposure[m] == 0) continue;
      const double next = chosen[m] / exposure[m];
      change = std::max(change, std::abs(std::log(next / strength[m])));
      strength[m] = next;
    }
    if (change < kTolerance) break;
  }
  return strength;
}

void for_each_decision(const FitContext& context, const Choices& choices, const Schema& schema,
                       const LoggedPages& pages, const NamedPolicy& behavior,
                       const DecisionBody& body) {
  std::vector<double> strength;
  if (!behavior.policy) strength = fitted_strengths(pages, choices.n_ids());
  Columns columns;
  columns.candidates =
      choices.of_items() || (behavior.policy && behavior.policy->reads_candidates());
  std::size_t i = 0;
  for_each_shard(
      context.rounds, schema, columns, context.name, context.progress, [&](const LogBatch& batch) {
        const auto slates =
            behavior.policy      ? decide(*behavior.policy, choices.decision(), batch.requests)
            : choices.of_items() ? odds(choices, items_as_choices(batch.requests), strength)
                                 : odds(choices, batch.requests, strength);
        for (std::size_t row = 0; row < batch.size(); ++row, ++i) {
          if (behavior.policy) check_shown(context, behavior, pages, i, *slates, row);
          body(i, *slates, row);
        }
      });
}

void behavior_step(const SlateDistribution& slates, std::size_t row,
                   std::span<const std::uint16_t> slate, std::size_t k, std::span<double> out) {
  std::vector<std::uint16_t> prefix(slate.begin(), slate.begin() + static_cast<std::ptrdiff_t>(k));
  prefix.push_back(0);
  std::vector<double> p(k + 1);
  for (std::size_t c = 0; c < out.size(); ++c) {
    out[c] = 0;
    if (std::find(prefix.begin(), prefix.end() - 1, c) != prefix.end() - 1) continue;
    prefix.back() = static_cast<std::uint16_t>(c);
    slates.prefix_probabilities(row, prefix, p);
    out[c] = k == 0 ? p[0] : p[k] / p[k - 1];
  }
}

}  // namespace rehearsal
