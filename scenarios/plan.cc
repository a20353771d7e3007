#include "scenarios/plan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "analysis/diagnostics.h"
#include "analysis/evaluate.h"
#include "analysis/ratio.h"
#include "scenarios/outcomes.h"
#include "scenarios/run.h"
#include "sim/core/error.h"
#include "sim/core/scalars.h"
#include "sim/engine/live.h"

namespace rehearsal {

namespace {

constexpr double kFewEffectivePages = 100;

/// A folder that goes when the pilot is read.
class PilotFolder {
 public:
  PilotFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "rehearsal_pilot_XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr)
      throw Error(ErrorKind::kRuntime, "cannot make a folder like " + name);
    path_ = name;
  }
  ~PilotFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  PilotFolder(const PilotFolder&) = delete;
  PilotFolder& operator=(const PilotFolder&) = delete;
  std::filesystem::path log() const { return path_ / "log"; }

 private:
  std::filesystem::path path_;
};

std::vector<std::string> chosen_candidates(const Scenario& scenario, const PlanOptions& options) {
  std::vector<std::string> known;
  for (const PolicySpec& policy : scenario.policies)
    if (is_candidate(scenario, policy)) known.push_back(policy.name);
  for (const std::string& name : options.candidates)
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ErrorKind::kInput, "plan: " + unknown_name("candidate", name, known));
  if (known.empty()) throw Error(ErrorKind::kInput, "plan: the gate judges no policy");
  return options.candidates.empty() ? known : options.candidates;
}

void check_options(const PlanOptions& options) {
  if (options.pilot_pages < 1000)
    throw Error(
        ErrorKind::kInput,
        fmt::format("plan: a pilot of {} pages; at least 1000 are needed", options.pilot_pages));
  for (const double share : options.exploration)
    if (!(share > 0 && share <= 1))
      throw Error(ErrorKind::kInput,
                  fmt::format("plan: an exploration share of {} is not in (0, 1]", share));
}

/// The scenario with the policies that the plan needs, so that nothing else learns.
Scenario reduced(const Scenario& scenario, const std::vector<std::string>& candidates) {
  std::set<std::string> needed(candidates.begin(), candidates.end());
  needed.insert(scenario.live.baseline);
  needed.insert(scenario.log.policy);
  for (auto policy = scenario.policies.rbegin(); policy != scenario.policies.rend(); ++policy)
    if (needed.count(policy->name) > 0) needed.insert(policy->needs.begin(), policy->needs.end());
  Scenario out = scenario;
  std::erase_if(out.policies,
                [&](const PolicySpec& policy) { return needed.count(policy.name) == 0; });
  out.estimate.metrics = {scenario.gate.rule.metric};
  out.estimate.estimators = {scenario.gate.rule.estimator};
  out.estimate.log_subset = "all";
  return out;
}

/// The same with `share` of the pages random; the behaviour's other parts keep their proportions.
Scenario with_exploration(const Scenario& scenario, double share) {
  Scenario out = scenario;
  PolicySpec& behavior = out.policies[out.index_of(out.log.policy)];
  const std::string random = exploration_part(out);
  behavior.plugin.node = YAML::Clone(behavior.plugin.node);
  YAML::Node of = behavior.plugin.node["of"];
  double rest = 0;
  for (const std::string& part : behavior.parts)
    if (part != random) rest += of[part].as<double>();
  for (const std::string& part : behavior.parts)
    of[part] = fmt::format("{:.17g}", part == random ? share
                                      : rest > 0     ? (1 - share) * of[part].as<double>() / rest
                                                     : 0);
  return out;
}

class Planner {
 public:
  Planner(const Scenario& scenario, const PlanOptions& options, Plan& plan)
      : scenario_(reduced(scenario, plan.candidates)), plan_(plan) {
    scenario_.log.pages = options.pilot_pages;
    run_.threads = options.threads;
    run_.progress = options.progress;
    fitted_ = build(scenario_);
    if (std::any_of(scenario_.policies.begin(), scenario_.policies.end(),
                    [](const PolicySpec& policy) { return policy.learns; }))
      fit();
  }

  /// The A/B test's side: the baseline's value and variance.
  void measure_baseline() {
    std::vector<std::uint32_t> rounds;
    const LiveOutcome outcome = live({fitted_.policies[baseline()].get()}, &rounds)[0];
    const std::vector<double> pages(rounds.begin(), rounds.end());
    const std::vector<double> everyone(pages.size(), 1.0);
    const auto first = [](const RowMatrix& sums) {
      return std::vector<double>(sums.data(), sums.data() + sums.rows());
    };
    const Ratio sampled = per_round(first(outcome.sampled), pages, everyone);
    plan_.variance =
        sampled.standard_error * sampled.standard_error * static_cast<double>(plan_.pilot_pages);
    plan_.value = outcome.exact.size() > 0 ? per_round(first(outcome.exact), pages, everyone).value
                                           : sampled.value;
  }

  /// Args: exploration: NaN leaves the behaviour as it is.
  PlannedLog try_log(double exploration) const {
    const bool changed = std::isfinite(exploration);
    const Scenario scenario = changed ? with_exploration(scenario_, exploration) : scenario_;
    const Setup setup = build(scenario);
    const Policy* behavior = setup.policies[scenario.index_of(scenario.log.policy)].get();
    const PilotFolder folder;
    simulate_step(scenario, setup, folder.log(), run_);
    const LogReader log(folder.log());
    PlannedLog out;
    out.exploration = exploration;
    out.cost = cost(*behavior);
    std::vector<Candidate> arms{{scenario.live.baseline, fitted_.policies[baseline()].get()}};
    for (const std::string& name : plan_.candidates)
      arms.push_back({name, fitted_.policies[scenario_.index_of(name)].get()});
    EvaluateOptions how;
    how.metrics = scenario.estimate.metrics;
    how.estimators = scenario.estimate.estimators;
    how.outcome = outcome_options(scenario.estimate.outcome);
    how.selection = scenario.estimate.selection;
    how.threads = run_.threads;
    how.progress = run_.progress;
    const auto estimates = evaluate(estimation_rounds(scenario, setup, log), log.info(), arms,
                                    behavior, 0, setup.rng, how);
    for (std::size_t c = 1; c < arms.size(); ++c)
      out.candidates.push_back(planned(estimates[c][0]));
    return out;
  }

 private:
  std::size_t baseline() const { return scenario_.index_of(scenario_.live.baseline); }

  void fit() {
    const PilotFolder folder;
    simulate_step(scenario_, fitted_, folder.log(), run_);
    const LogReader log(folder.log());
    fit_step(scenario_, fitted_, training_rounds(scenario_, fitted_, log), run_);
  }

  std::vector<LiveOutcome> live(const std::vector<const Policy*>& policies,
                                std::vector<std::uint32_t>* rounds) const {
    LiveOptions how;
    how.n_rounds = static_cast<std::uint64_t>(plan_.pilot_pages);
    how.metrics = scenario_.estimate.metrics;
    how.threads = run_.threads;
    how.progress = run_.progress;
    return run_live(*fitted_.world, *fitted_.users, policies, fitted_.rng, how, rounds);
  }

  double cost(const Policy& behavior) const {
    std::vector<std::uint32_t> rounds;
    const auto outcomes = live({&behavior, fitted_.policies[baseline()].get()}, &rounds);
    const auto total = [](const LiveOutcome& outcome) {
      return (outcome.exact.size() > 0 ? outcome.exact : outcome.sampled).sum();
    };
    return total(outcomes[0]) / total(outcomes[1]) - 1;
  }

  PlannedCandidate planned(const Estimate& estimate) const {
    PlannedCandidate out{kNan, estimate.ess};
    if (!estimate.lift || !(estimate.lift_standard_error > 0)) return out;
    // The standard error is of the pages that estimators saw; the log is as much larger.
    out.pages = pages_to_decide(plan_.goal, static_cast<double>(plan_.pilot_pages),
                                estimate.lift_standard_error);
    return out;
  }

  Scenario scenario_;
  Plan& plan_;
  RunOptions run_;
  Setup fitted_{Rng(0), nullptr, nullptr, {}};
};

std::string pages_text(const PlannedCandidate& candidate) {
  if (!std::isfinite(candidate.pages)) return "-";
  // Two digits are more than a pilot knows.
  const double scale = std::pow(10, std::floor(std::log10(std::max(1.0, candidate.pages))) - 1);
  return with_commas(std::ceil(candidate.pages / scale) * scale) +
         (candidate.ess < kFewEffectivePages ? "*" : " ");
}

}  // namespace

Plan plan(const Scenario& scenario, const PlanOptions& options) {
  check_options(options);
  const GateRule& rule = scenario.gate.rule;
  Plan out;
  out.scenario = scenario.name;
  out.metric = rule.metric;
  out.estimator = rule.estimator;
  out.correction = rule.correction;
  out.candidates = chosen_candidates(scenario, options);
  out.lift = options.lift;
  out.min_lift = rule.min_lift;
  out.pilot_pages = options.pilot_pages;
  out.judge_share = scenario.log.train_share < 1 ? 1 - scenario.log.train_share : 1;
  out.goal.lift = options.lift - rule.min_lift;
  out.goal.confidence = rule.confidence;
  out.goal.power = options.power;
  out.goal.n_candidates = rule.correction == "none" ? 1 : static_cast<int>(out.candidates.size());
  out.goal.standard_errors();  // refuses what cannot be before anything is simulated
  Planner planner(scenario, options, out);
  planner.measure_baseline();
  out.pages_per_arm = pages_per_arm(out.goal, out.value, out.variance);
  std::vector<double> shares = options.exploration;
  if (exploration_part(scenario).empty()) shares = {kNan};
  for (const double share : shares) out.logs.push_back(planner.try_log(share));
  return out;
}

std::string to_text(const Plan& plan) {
  std::string text = fmt::format(
      "{}: a {} lift of {:+.2f} % told from {:+.2f} % with power {:g} at confidence {:g}{}\n\n"
      "A/B test: {} pages an arm ({} {:.4f} a page, variance {:.4f})\n\n"
      "From the log alone, by {}: pages of the log ({:.0f} % of them judge)\n",
      plan.scenario, plan.metric, 100 * plan.lift, 100 * plan.min_lift, plan.goal.power,
      plan.goal.confidence,
      plan.goal.n_candidates > 1
          ? fmt::format(" ({} over {} candidates)", plan.correction, plan.goal.n_candidates)
          : "",
      with_commas(std::ceil(plan.pages_per_arm)), plan.metric, plan.value, plan.variance,
      plan.estimator, 100 * plan.judge_share);
  text += fmt::format("  {:<24}", "random pages");
  for (const PlannedLog& log : plan.logs)
    text += fmt::format(" {:>13}", std::isfinite(log.exploration)
                                       ? fmt::format("{:g} %", 100 * log.exploration)
                                       : "as logged");
  text += fmt::format("\n  {:<24}", "what they cost (" + plan.metric + ")");
  for (const PlannedLog& log : plan.logs) text += fmt::format(" {:>11.2f} %", 100 * log.cost);
  bool guessed = false;
  for (std::size_t c = 0; c < plan.candidates.size(); ++c) {
    text += fmt::format("\n  {:<24}", plan.candidates[c].substr(0, 24));
    for (const PlannedLog& log : plan.logs) {
      text += fmt::format(" {:>13}", pages_text(log.candidates[c]));
      guessed |=
          std::isfinite(log.candidates[c].pages) && log.candidates[c].ess < kFewEffectivePages;
    }
  }
  text += "\n";
  if (guessed)
    text += fmt::format("* a guess: the pilot of {} pages left fewer than {:g} effective ones\n",
                        with_commas(static_cast<double>(plan.pilot_pages)), kFewEffectivePages);
  return text;
}

std::string to_json(const Plan& plan) {
  nlohmann::ordered_json out{
      {"schema", "rehearsal.plan/1"},
      {"scenario", plan.scenario},
      {"metric", plan.metric},
      {"lift", plan.lift},
      {"min_lift", plan.min_lift},
      {"power", plan.goal.power},
      {"confidence", plan.goal.confidence},
      {"n_candidates", plan.goal.n_candidates},
      {"ab",
       {{"pages_per_arm", plan.pages_per_arm}, {"value", plan.value}, {"variance", plan.variance}}},
      {"estimator", plan.estimator},
      {"pilot_pages", plan.pilot_pages},
      {"logs", nlohmann::ordered_json::array()}};
  for (const PlannedLog& log : plan.logs) {
    nlohmann::ordered_json one{{"exploration", log.exploration}, {"cost", log.cost}};
    for (std::size_t c = 0; c < plan.candidates.size(); ++c)
      one["candidates"][plan.candidates[c]] = {{"pages", log.candidates[c].pages},
                                               {"ess", log.candidates[c].ess}};
    out["logs"].push_back(one);
  }
  return out.dump(2) + "\n";
}

}  // namespace rehearsal
