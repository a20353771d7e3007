#include "scenarios/run.h"

#include <algorithm>

#include "analysis/evaluate.h"
#include "analysis/live_statistics.h"
#include "analysis/segments.h"
#include "policies/policies.h"
#include "scenarios/outcomes.h"
#include "scenarios/run_online.h"
#include "scenarios/run_steps.h"
#include "sim/core/error.h"
#include "sim/core/version.h"
#include "sim/engine/live.h"
#include "sim/engine/parallel.h"
#include "sim/engine/simulate.h"

namespace rehearsal {

namespace {

std::vector<std::size_t> estimated_policies(const Scenario& scenario) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < scenario.policies.size(); ++i)
    if (!scenario.policies[i].needs_truth) indices.push_back(i);
  return indices;
}

Results start_results(const Scenario& scenario) {
  Results results;
  results.scenario = scenario.name;
  results.seed = static_cast<std::uint64_t>(scenario.seed);
  results.version = version();
  results.behavior_policy = scenario.log.policy;
  results.baseline = scenario.live.baseline;
  for (const PolicySpec& spec : scenario.policies) {
    PolicyResult policy;
    policy.name = spec.name;
    policy.type = spec.plugin.type;
    results.policies.push_back(std::move(policy));
  }
  return results;
}

/// Who is judged from a log, and how.
struct Judged {
  std::vector<std::size_t> indices;  // into the scenario's policies
  std::vector<Candidate> candidates;
  int baseline = -1;  // index into candidates
  const Policy* behavior = nullptr;
  EvaluateOptions how;
};

Judged judged(const Scenario& scenario, const Setup& setup, const RunOptions& options) {
  Judged out{estimated_policies(scenario), {}, -1, nullptr, evaluate_options(scenario.estimate)};
  out.how.outcome = outcome_options(scenario.estimate.outcome);
  out.how.threads = options.threads;
  out.how.progress = options.progress;
  const std::size_t baseline_index = scenario.index_of(scenario.live.baseline);
  for (const std::size_t i : out.indices) {
    if (i == baseline_index) out.baseline = static_cast<int>(out.candidates.size());
    out.candidates.push_back({scenario.policies[i].name, setup.policies[i].get()});
  }
  if (out.how.log_subset != "all")
    out.how.subset_behavior = setup.policies[scenario.index_of(out.how.log_subset)].get();
  out.behavior = setup.policies[scenario.index_of(scenario.log.policy)].get();
  return out;
}

}  // namespace

std::vector<std::uint8_t> ab_arms(std::size_t n_users, const Rng& rng) {
  std::vector<std::uint8_t> arm(n_users);
  for (std::size_t u = 0; u < n_users; ++u) {
    const Turn turn{UserId{static_cast<std::uint32_t>(u)}, kLiveSession, 0};
    arm[u] = rng.stream(Draw::kAssignment, turn).uniform() < 0.5 ? 0 : 1;
  }
  return arm;
}

std::string exploration_part(const Scenario& scenario) {
  for (const std::string& part : scenario.policies[scenario.index_of(scenario.log.policy)].parts)
    if (scenario.policies[scenario.index_of(part)].plugin.type == "uniform") return part;
  return "";
}

LogInfo simulate_step(const Scenario& scenario, const Setup& setup,
                      const std::filesystem::path& folder, const RunOptions& options) {
  const std::size_t behavior = scenario.index_of(scenario.log.policy);
  LogInfo info;
  info.name = scenario.name;
  info.seed = static_cast<std::uint64_t>(scenario.seed);
  info.version = version();
  info.scenario = to_yaml(scenario);
  info.behavior_policy = scenario.log.policy;
  info.behavior_components = scenario.policies[behavior].parts;
  SimulateOptions how;
  how.n_rounds = static_cast<std::uint64_t>(scenario.log.pages);
  how.shard_rounds = static_cast<std::size_t>(scenario.log.shard_pages);
  how.threads = options.threads;
  how.progress = options.progress;
  return simulate_log(*setup.world, *setup.users, *setup.policies[behavior], setup.rng, how, folder,
                      std::move(info));
}

RoundSource training_rounds(const Scenario& scenario, const Setup& setup, const LogReader& log) {
  return users_between(source_of(log), setup.rng, 0, scenario.log.train_share);
}

RoundSource estimation_rounds(const Scenario& scenario, const Setup& setup, const LogReader& log,
                              double part) {
  const double low = scenario.log.train_share < 1 ? scenario.log.train_share : 0;
  return users_between(source_of(log), setup.rng, low, part < 1 ? low + part * (1 - low) : 1);
}

std::vector<double> fit_step(const Scenario& scenario, Setup& setup, const RoundSource& rounds,
                             const RunOptions& options) {
  std::vector<std::size_t> learners;
  for (std::size_t i = 0; i < scenario.policies.size(); ++i)
    if (policies().at(scenario.policies[i].plugin.type).learns) learners.push_back(i);
  std::vector<double> seconds(scenario.policies.size(), 0.0);
  parallel_for(learners.size(), options.threads, [&](std::size_t job) {
    check_interrupt();
    const std::size_t i = learners[job];
    const FitContext context{rounds, setup.rng, scenario.policies[i].name, options.progress};
    seconds[i] = seconds_of([&] { setup.policies[i]->fit(context); });
  });
  return seconds;
}

void save_step(const Scenario& scenario, const Setup& setup, const RunFolder& folder) {
  std::error_code problem;
  std::filesystem::create_directories(folder.policies(), problem);
  for (std::size_t i = 0; i < scenario.policies.size(); ++i) {
    const PolicySpec& spec = scenario.policies[i];
    save_policy(*setup.policies[i], setup.policies[i]->config(), folder.policy(spec.name));
    save_policy_schema(setup.world->schema(), folder.policy(spec.name),
                       i > 0 ? folder.policy(scenario.policies[0].name) : "");
  }
}

void load_step(const Scenario& scenario, Setup& setup, const RunFolder& folder) {
  for (std::size_t i = 0; i < scenario.policies.size(); ++i) {
    const PolicySpec& spec = scenario.policies[i];
    if (!policies().at(spec.plugin.type).learns) continue;
    const std::filesystem::path file = folder.policy(spec.name) / "state.h5";
    try {
      setup.policies[i]->set_state(load_arrays(file));
    } catch (const Error& error) {
      const std::string message = error.what();
      const bool named = message.find(file.string()) != std::string::npos;
      throw Error(error.kind(), named ? message : file.string() + ": " + message);
    }
  }
}

void estimate_rounds(const Scenario& scenario, const Setup& setup, const RoundSource& rounds,
                     const LogInfo& info, const RunOptions& options,
                     std::vector<PolicyResult>& policies) {
  const Judged who = judged(scenario, setup, options);
  auto estimates =
      evaluate(rounds, info, who.candidates, who.behavior, who.baseline, setup.rng, who.how);
  for (std::size_t c = 0; c < who.indices.size(); ++c)
    policies[who.indices[c]].estimates = std::move(estimates[c]);
}

void estimate_step(const Scenario& scenario, const Setup& setup, const LogReader& log,
                   const RunOptions& options, std::vector<PolicyResult>& policies) {
  const RoundSource rounds = estimation_rounds(scenario, setup, log);
  estimate_rounds(scenario, setup, rounds, log.info(), options, policies);
  const Judged who = judged(scenario, setup, options);
  auto segments = evaluate_segments(
      rounds, log.info(), who.candidates, who.behavior, who.baseline, setup.rng, who.how,
      segment_features(log.schema(), scenario.estimate.segments, "estimate.segments"));
  const std::string exploration = exploration_part(scenario);
  parallel_for(who.indices.size(), options.threads, [&](std::size_t c) {
    check_interrupt();
    PolicyResult& result = policies[who.indices[c]];
    result.segments = std::move(segments[c]);
    result.offline = ranking_metrics(rounds, log.info(), *who.candidates[c].policy, exploration);
  });
}

void live_step(const Scenario& scenario, const Setup& setup, const RunOptions& options,
               std::vector<PolicyResult>& policies) {
  LiveOptions how;
  how.n_rounds = static_cast<std::uint64_t>(scenario.live.pages);
  how.metrics = scenario.live.metrics;
  how.threads = options.threads;
  how.progress = options.progress;
  std::vector<const Policy*> arms;
  for (const auto& policy : setup.policies) arms.push_back(policy.get());
  std::vector<std::uint32_t> rounds;
  std::vector<LiveOutcome> outcomes =
      run_live(*setup.world, *setup.users, arms, setup.rng, how, &rounds);
  std::vector<LiveSums> sums;
  for (LiveOutcome& outcome : outcomes)
    sums.push_back({std::move(outcome.exact), std::move(outcome.sampled)});
  live_statistics(sums, rounds, ab_arms(rounds.size(), setup.rng), scenario.live.metrics,
                  scenario.index_of(scenario.live.baseline), scenario.estimate.confidence,
                  policies);
}

bool is_candidate(const Scenario& scenario, const PolicySpec& policy) {
  const std::vector<std::string>& named = scenario.gate.candidates;
  if (!named.empty()) return std::find(named.begin(), named.end(), policy.name) != named.end();
  return !policy.needs_truth && policy.name != scenario.live.baseline &&
         policy.name != scenario.log.policy;
}

void judge_step(const Scenario& scenario, std::vector<PolicyResult>& policies) {
  for (std::size_t i = 0; i < policies.size(); ++i)
    policies[i].judged = is_candidate(scenario, scenario.policies[i]);
  apply_gate(scenario.gate.rule, policies);
}

Results run_scenario(const Scenario& scenario, const RunFolder& folder, const RunOptions& options) {
  write_text_atomically(folder.scenario(), to_yaml(scenario));
  Steps steps(folder.run_log());
  steps.line("rehearsal " + version() + ", scenario " + scenario.name);
  Results results = start_results(scenario);
  Setup setup{Rng(0), nullptr, nullptr, {}};
  steps.run("build", [&] { setup = build(scenario); });
  steps.run("simulate log", [&] { simulate_step(scenario, setup, folder.log(), options); });
  {
    const LogReader reader(folder.log());
    results.log_rounds = reader.info().n_rounds;
    results.log_impressions = reader.info().n_impressions;
    std::vector<double> fits;
    steps.run("fit", [&] {
      fits = fit_step(scenario, setup, training_rounds(scenario, setup, reader), options);
    });
    for (std::size_t i = 0; i < fits.size(); ++i)
      if (fits[i] > 0) steps.timing.emplace_back("fit " + scenario.policies[i].name, fits[i]);
    steps.run("save policies", [&] { save_step(scenario, setup, folder); });
    steps.run("estimate",
              [&] { estimate_step(scenario, setup, reader, options, results.policies); });
  }
  steps.run("live", [&] { live_step(scenario, setup, options, results.policies); });
  if (!scenario.online.policies.empty())
    steps.run("online", [&] { online_step(scenario, setup, folder, options, results); });
  steps.run("judge", [&] { judge_step(scenario, results.policies); });
  check_interrupt();
  if (!options.keep_log) std::filesystem::remove_all(folder.log());
  write_text_atomically(folder.timing(), timing_json(steps.timing));
  steps.line("writing results.json");
  write_text_atomically(folder.results(), to_json(results));
  return results;
}

Results read_results(const RunFolder& folder) {
  folder.require_whole();
  return from_json(read_text(folder.results()), folder.results().string());
}

}  // namespace rehearsal
