#include "analysis/estimator_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/intervals.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr const char* kAuto = "auto";
constexpr double kDelta = 0.1;  // of the half widths, as published

/// The family of "FAMILY_auto", or null.
const EstimatorEntry* family_of(const std::string& name) {
  const std::string ending = std::string("_") + kAuto;
  if (name.size() <= ending.size() || !name.ends_with(ending)) return nullptr;
  const Estimator family = parse_estimator(name.substr(0, name.size() - ending.size()));
  if (!family.entry->parameter)
    throw Error(ErrorKind::kInput,
                fmt::format("{}: {} has no hyper-parameter to choose", name, family.entry->name));
  return family.entry;
}

std::vector<Estimator> at_grid(const EstimatorEntry& entry) {
  if (!entry.parameter) return {parse_estimator(entry.name)};
  std::vector<Estimator> all;
  for (const double value : entry.parameter->grid) all.push_back(estimator_at(entry, value));
  return all;
}

class Requests {
 public:
  explicit Requests(const Refusal& refusal) : refusal_(refusal) {}

  void ask(const std::string& name, std::span<const char* const> families) {
    EstimatorRequest request{name, {}, true};
    if (name == kAuto) {
      for (const char* family : families) {
        const EstimatorEntry& entry = estimators().at(family);
        if (refusal_(entry).empty()) add_all(at_grid(entry), request);
      }
      REHEARSAL_CHECK(!request.members.empty());
    } else if (const EstimatorEntry* family = family_of(name)) {
      require(*family, name);
      request.name = family->name + "_" + kAuto;
      add_all(at_grid(*family), request);
    } else {
      const Estimator fixed = parse_estimator(name);
      require(*fixed.entry, name);
      request.name = fixed.name;
      request.choice = false;
      add_all({fixed}, request);
    }
    out_.asked.push_back(std::move(request));
  }

  EstimatorRequests take() { return std::move(out_); }

 private:
  void require(const EstimatorEntry& entry, const std::string& name) const {
    const std::string why = refusal_(entry);
    if (!why.empty()) throw Error(ErrorKind::kInput, name + ": " + why);
  }

  void add_all(const std::vector<Estimator>& members, EstimatorRequest& request) {
    for (const Estimator& member : members) {
      const auto found = std::find_if(out_.scored.begin(), out_.scored.end(),
                                      [&](const Estimator& e) { return e.name == member.name; });
      request.members.push_back(static_cast<std::size_t>(found - out_.scored.begin()));
      if (found == out_.scored.end()) out_.scored.push_back(member);
    }
  }

  const Refusal& refusal_;
  EstimatorRequests out_;
};

bool has_value(const Estimate& member) {
  return std::isfinite(member.value) && std::isfinite(member.standard_error);
}

bool can_be_believed(const Estimate& member) {
  const Interval& w = member.mean_weight;
  return member.standard_error > 0 && std::abs(w.value - 1) <= w.high - w.low + 1e-9;
}

/// How far a chosen estimate may be from the widest one before the rule minds.
std::string hidden_bias(const Selection& chosen, SelectBy by) {
  const double widest = *std::max_element(chosen.cnf.begin(), chosen.cnf.end());
  const double own = chosen.cnf[chosen.index];
  if (own == widest) return "";
  const double room =
      by == SelectBy::kSlope ? 2 * (own + widest) : own + (std::sqrt(6.0) - 1) * widest;
  return fmt::format("; a bias below {:.2g} would not have shown, and the interval leaves it out",
                     room);
}

}  // namespace

const Registry<ChoiceRule>& choice_rules() {
  static const Registry<ChoiceRule> registry(
      "selection rule",
      {{"slope", "the narrowest estimate whose interval still meets those of all wider ones",
        "Lepski; Su et al., ICML 2020", SelectBy::kSlope},
       {"slope_plus_plus", "the same with smaller constants: stops earlier",
        "Tucker and Lee, UAI 2021", SelectBy::kSlopePlusPlus},
       {"pas_if", "the least error on parts of the log that stand for the policy and for the log",
        "Udagawa et al., AAAI 2023", SelectBy::kSlope, true}});
  return registry;
}

EstimatorRequests request_estimators(const std::vector<std::string>& names,
                                     std::span<const char* const> families, const Refusal& refusal,
                                     const std::string& where) {
  Requests requests(refusal);
  for (const std::string& name : names) {
    try {
      requests.ask(name, families);
    } catch (const Error& error) {
      throw Error(error.kind(), (where.empty() ? "" : where + ": ") + error.what());
    }
  }
  return requests.take();
}

std::string of_single_actions_only(const EstimatorEntry& entry) {
  return entry.uses(Need::kPscore) ? "scores single actions, not pages" : "";
}

std::string of_pages_only(const EstimatorEntry& entry) {
  return entry.uses(Need::kCells) ? "scores pages item by item, not single actions" : "";
}

std::string settled_name(const std::string& name, const Refusal& refusal) {
  if (name == kAuto) return name;
  return request_estimators({name}, {}, refusal, "").asked[0].name;
}

Estimate choose_estimate(const EstimatorRequest& request, std::span<const Estimate> members,
                         double n_units, const ChoiceRule& rule) {
  const auto kept = [&](auto&& keep) {
    std::vector<const Estimate*> out;
    for (const Estimate& member : members)
      if (has_value(member) && keep(member)) out.push_back(&member);
    return out;
  };
  std::vector<const Estimate*> candidates = kept(can_be_believed);
  const bool none_believed = candidates.empty();
  if (none_believed) candidates = kept([](const Estimate&) { return true; });
  if (candidates.empty())
    throw Error(ErrorKind::kInput, request.name + ": no estimator has a value on this log");
  std::vector<ScoredMember> scored;
  Choice choice;
  choice.rule = rule.name;
  for (const Estimate* each : candidates) {
    const Moments moments{n_units, each->value,
                          each->standard_error * each->standard_error * n_units};
    const double half = n_units > 1 ? moments.mean - student_t_lower(moments, kDelta) : 0;
    scored.push_back({each->estimator, each->value, half});
    choice.considered.push_back({each->estimator, each->value, half});
  }
  const Selection selection = select("", scored, rule.by);
  Estimate out = *candidates[selection.index];
  choice.estimator = out.estimator;
  choice.reason = selection.reason;
  choice.reason += hidden_bias(selection, rule.by);
  if (candidates.size() < members.size())
    choice.reason +=
        fmt::format("; {} of {} were left out, as their weights are off their mean of 1",
                    members.size() - candidates.size(), members.size());
  out.estimator = request.name;
  out.choice = std::move(choice);
  if (none_believed)
    out.warnings.emplace_back(
        "no estimator's weights have the mean of 1 that they must have: the choice rests on widths "
        "that cannot be believed");
  return out;
}

std::vector<std::vector<Estimate>> answer_requests(const EstimatorRequests& requests,
                                                   const std::vector<Estimate>& scored,
                                                   std::size_t n_candidates, const Choose& choose) {
  const std::size_t width = requests.scored.size();
  const std::size_t n_metrics = scored.size() / width / n_candidates;
  std::vector<std::vector<Estimate>> out(n_candidates);
  for (std::size_t block = 0; block < n_candidates * n_metrics; ++block)
    for (const EstimatorRequest& request : requests.asked) {
      std::vector<Estimate> members;
      for (const std::size_t m : request.members) members.push_back(scored[block * width + m]);
      const std::size_t candidate = block / n_metrics;
      out[candidate].push_back(request.choice ? choose(candidate, request, members) : members[0]);
    }
  return out;
}

}  // namespace rehearsal
