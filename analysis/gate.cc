#include "analysis/gate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/intervals.h"
#include "sim/core/error.h"
#include "sim/core/normal.h"
#include "sim/core/scalars.h"

namespace rehearsal {

namespace {

/// A lift that a limit is put to.
struct Checked {
  std::string metric;
  double limit = 0;
  double lift = 0;
  double standard_error = 0;
  bool known = false;
  std::string why_not{};  // what is too little to know it

  /// Standard errors above the limit.
  double strength() const {
    if (!known || !std::isfinite(lift)) return 0;
    if (standard_error > 0) return (lift - limit) / standard_error;
    return lift >= limit ? kInfinity : -kInfinity;
  }
};

/// One candidate seen one way (offline or live): its lifts, the metric that decides first.
struct Case {
  PolicyResult* policy = nullptr;
  std::vector<Checked> lifts;

  double promote_strength() const {
    double least = kInfinity;
    for (const Checked& c : lifts) least = std::min(least, c.strength());
    return least;
  }
  double reject_strength() const {
    double most = -kInfinity;
    for (const Checked& c : lifts) most = std::max(most, -c.strength());
    return most;
  }
  double strength() const { return std::max(promote_strength(), reject_strength()); }
};

struct Ruling {
  Verdict verdict = Verdict::kHold;
  std::string reason;
};

std::string percent(double x) { return fmt::format("{:+.1f} %", 100 * x); }

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string describe(const Checked& c, double z) {
  if (!c.known || !std::isfinite(c.lift))
    return upper(c.metric) + " lift is not known" + (c.why_not.empty() ? "" : ": " + c.why_not);
  return fmt::format("{} lift {} [{}, {}]", upper(c.metric), percent(c.lift),
                     percent(c.lift - z * c.standard_error),
                     percent(c.lift + z * c.standard_error));
}

/// Args: z: half width of the corrected interval in standard errors.
Ruling rule_on(const Case& each, double z) {
  const auto bound = [](double limit) { return limit == 0 ? std::string("0") : percent(limit); };
  if (each.promote_strength() >= z) {
    std::string reason =
        fmt::format("{} clears {}", describe(each.lifts[0], z), bound(each.lifts[0].limit));
    if (each.lifts.size() > 1) reason += ", guardrails hold";
    return {Verdict::kPromote, reason};
  }
  for (const Checked& c : each.lifts)
    if (c.known && -c.strength() > z)
      return {Verdict::kReject, fmt::format("{} is below {}", describe(c, z), bound(c.limit))};
  for (const Checked& c : each.lifts)
    if (c.strength() < z)
      return {Verdict::kHold, c.known ? fmt::format("{} spans {}", describe(c, z), bound(c.limit))
                                      : describe(c, z)};
  return {Verdict::kHold, describe(each.lifts[0], z)};
}

/// Decides all candidates at the corrected levels: Bonferroni gives each alpha / m; Holm the
/// clearest alpha / m, the next alpha / (m - 1), ... until one is left undecided.
std::vector<Ruling> decide(const std::vector<Case>& cases, double confidence,
                           const std::string& correction) {
  const double alpha = 1 - confidence;
  const auto z_of = [&](std::size_t share) {
    return normal_quantile(1 - alpha / (2 * static_cast<double>(share)));
  };
  std::vector<Ruling> rulings(cases.size());
  if (correction != "holm") {
    const std::size_t share = correction == "bonferroni" ? cases.size() : 1;
    for (std::size_t i = 0; i < cases.size(); ++i) rulings[i] = rule_on(cases[i], z_of(share));
    return rulings;
  }
  std::vector<std::size_t> order(cases.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return cases[a].strength() > cases[b].strength();
  });
  std::size_t share = cases.size();
  for (const std::size_t i : order) {
    rulings[i] = rule_on(cases[i], z_of(share));
    if (rulings[i].verdict != Verdict::kHold) --share;
    share = std::max<std::size_t>(share, 1);
  }
  return rulings;
}

/// What an estimate has too little of, or "".
std::string too_little(const Estimate& e, const GateRule& rule) {
  if (e.ess < rule.least_ess)
    return fmt::format("{:.0f} effective pages, {:.0f} asked for", e.ess, rule.least_ess);
  const double ratio = e.standard_error > 0 ? e.value / e.standard_error : 0;
  if (ratio * ratio < rule.least_successes)
    return fmt::format("as good as {:.0f} successes, {:.0f} asked for", ratio * ratio,
                       rule.least_successes);
  return "";
}

Checked offline_lift(const PolicyResult& policy, const std::string& metric, double limit,
                     const GateRule& rule) {
  for (const Estimate& e : policy.estimates) {
    if (e.estimator != rule.estimator || e.metric != metric) continue;
    if (!e.lift) return {metric, limit, 0, 0, false};
    const std::string why_not = too_little(e, rule);
    if (!why_not.empty()) return {metric, limit, 0, 0, false, why_not};
    return {metric, limit, e.lift->value, e.lift_standard_error, true};
  }
  throw Error(ErrorKind::kInput, fmt::format("gate: policy '{}' has no estimate of '{}' by '{}'; "
                                             "add them to estimate.metrics and "
                                             "estimate.estimators",
                                             policy.name, metric, rule.estimator));
}

Checked live_lift(const PolicyResult& policy, const std::string& metric, double limit) {
  const auto found = policy.lift.find(metric);
  if (found == policy.lift.end())
    throw Error(ErrorKind::kInput, fmt::format("gate: policy '{}' has no live lift of '{}'; add it "
                                               "to live.metrics",
                                               policy.name, metric));
  const LiveLift& l = found->second;
  const double error = l.exact_paired_standard_error > 0 ? l.exact_paired_standard_error
                                                         : l.sampled_paired_standard_error;
  return {metric, limit, l.lift.value, error, true};
}

/// Args: lift_of: (policy, metric, limit).
template <class LiftOf>
std::vector<Case> cases_of(const GateRule& rule, const std::vector<PolicyResult*>& judged,
                           LiftOf&& lift_of) {
  std::vector<Case> cases;
  for (PolicyResult* policy : judged) {
    cases.push_back({policy, {lift_of(*policy, rule.metric, rule.min_lift)}});
    for (const auto& [metric, limit] : rule.guardrails)
      cases.back().lifts.push_back(lift_of(*policy, metric, limit));
  }
  return cases;
}

void check_rule(const GateRule& rule) {
  if (!(rule.confidence > 0 && rule.confidence < 1))
    throw Error(ErrorKind::kInput,
                fmt::format("gate.confidence: {} is not between 0 and 1", rule.confidence));
  if (rule.correction != "holm" && rule.correction != "bonferroni" && rule.correction != "none")
    throw Error(ErrorKind::kInput,
                "gate.correction: '" + rule.correction + "' is not one of holm, bonferroni, none");
}

void append(const char* side, const Ruling& ruling, std::string& reason) {
  if (!reason.empty()) reason += "; ";
  reason += fmt::format("{} {}: {}", side, to_string(ruling.verdict), ruling.reason);
}

}  // namespace

void apply_gate(const GateRule& rule, std::vector<PolicyResult>& policies) {
  check_rule(rule);
  std::vector<PolicyResult*> judged;
  for (PolicyResult& policy : policies) {
    policy.reason.clear();
    if (policy.judged) judged.push_back(&policy);
  }
  const auto any = [&](auto&& has) { return std::any_of(judged.begin(), judged.end(), has); };
  if (any([](const PolicyResult* p) { return !p->estimates.empty(); })) {
    const std::vector<Case> cases =
        cases_of(rule, judged, [&](const PolicyResult& p, const std::string& metric, double limit) {
          return offline_lift(p, metric, limit, rule);
        });
    const std::vector<Ruling> rulings = decide(cases, rule.confidence, rule.correction);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      cases[i].policy->offline_verdict = rulings[i].verdict;
      append("offline", rulings[i], cases[i].policy->reason);
    }
  }
  if (any([](const PolicyResult* p) { return !p->lift.empty(); })) {
    const std::vector<Case> cases = cases_of(rule, judged, live_lift);
    const std::vector<Ruling> rulings = decide(cases, rule.confidence, rule.correction);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      cases[i].policy->live_verdict = rulings[i].verdict;
      append("live", rulings[i], cases[i].policy->reason);
    }
  }
}

}  // namespace rehearsal
