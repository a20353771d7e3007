#include "scenarios/suite/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "policies/policies.h"
#include "scenarios/run.h"
#include "scenarios/serve/latency.h"
#include "sim/core/error.h"

namespace rehearsal {

namespace {

constexpr std::uint32_t kRequests = 200;

RequestBatch requests_of(const Setup& setup) {
  std::vector<Turn> turns;
  for (std::uint32_t user = 0; user < std::min(kRequests, setup.world->n_users()); ++user)
    turns.push_back({UserId{user}, kLiveSession, 0});
  RequestBatch requests;
  setup.world->requests(turns, setup.rng, requests);
  return requests;
}

Golden golden_of(const Policy& policy, const RequestBatch& requests, const Schema& schema,
                 const Rng& rng) {
  Golden golden;
  Propensities propensities;
  const PageBatch pages = recommend(policy, requests, rng, &propensities);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    golden.pages.emplace_back();
    for (const std::uint16_t module : pages.shown(i))
      golden.pages.back().push_back(schema.modules[module]);
  }
  golden.pscore = propensities.pscore;
  golden.state = policy.state();
  return golden;
}

/// One request at a time; the best of three passes, as what else runs only ever slows it.
double p99_of(const Policy& policy, const RequestBatch& requests, const Rng& rng) {
  double best = 0;
  for (int pass = 0; pass < 3; ++pass) {
    Latencies latencies;
    PageBatch pages;
    Propensities propensities;
    for (std::uint32_t i = 0; i < requests.size(); ++i) {
      const RequestBatch one = gather(requests, std::span(&i, 1));
      const auto start = std::chrono::steady_clock::now();
      recommend(policy, one, rng, pages, &propensities);
      latencies.add(
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    const double p99 = latencies.quantile(0.99);
    best = pass == 0 ? p99 : std::min(best, p99);
  }
  return best;
}

std::string marginal_problem(const SlateDistribution& slates, std::size_t i) {
  const auto n_positions = static_cast<Eigen::Index>(slates.n_positions(i));
  RowMatrix marginals(n_positions, static_cast<Eigen::Index>(slates.n_choices(i)));
  slates.marginals(i, marginals);
  for (Eigen::Index k = 0; k < n_positions; ++k) {
    const double sum = marginals.row(k).sum();
    if (!(std::abs(sum - 1) < 1e-6 && marginals.row(k).minCoeff() > -1e-9))
      return fmt::format("request {}: the probabilities of slot {} sum to {}", i, k, sum);
  }
  return "";
}

/// A run's policies as saved, and the requests that they are asked.
struct SavedRun {
  explicit SavedRun(const std::filesystem::path& run)
      : scenario(load_scenario((run / "scenario.yaml").string())), setup(build(scenario)) {
    load_step(scenario, setup, RunFolder(run));
    requests = requests_of(setup);
  }
  const Policy& policy(const std::string& name) const {
    return *setup.policies[scenario.index_of(name)];
  }
  Golden golden(const std::string& name) const {
    return golden_of(policy(name), requests, setup.world->schema(), setup.rng);
  }

  Scenario scenario;
  Setup setup;
  RequestBatch requests;
};

void look_at_policies(const SuiteCase& one, const std::filesystem::path& run, CaseFacts& facts) {
  const SavedRun saved(run);
  for (const SuiteCheck& check : one.checks)
    for (const std::string& name : check.policies) {
      const Policy& policy = saved.policy(name);
      if (check.check == "propensities")
        facts.propensity_problem[name] =
            propensity_problem(policy, saved.requests, saved.setup.rng);
      if (check.check == "latency")
        facts.p99_seconds[name] = p99_of(policy, saved.requests, saved.setup.rng);
      if (check.check == "golden_scores") facts.golden[name] = saved.golden(name);
    }
}

}  // namespace

std::vector<double> CaseFacts::lifts(const std::string& policy, const std::string& metric) const {
  std::vector<double> values;
  for (const Results& run : runs)
    for (const PolicyResult& result : run.policies) {
      if (result.name != policy) continue;
      const auto found = result.lift.find(metric);
      if (found != result.lift.end()) values.push_back(found->second.lift.value);
    }
  if (values.size() != runs.size())
    throw Error(ErrorKind::kInput, fmt::format("'{}' has no live lift of '{}': the scenario's "
                                               "baseline has none",
                                               policy, metric));
  return values;
}

std::string propensity_problem(const Policy& policy, const RequestBatch& requests, const Rng& rng) {
  try {
    Propensities own;
    const PageBatch pages = recommend(policy, requests, rng, &own);
    const Propensities again = propensities(policy, requests, pages);
    const auto slates = policy.distribution(requests);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const std::string problem = marginal_problem(*slates, i);
      if (!problem.empty()) return problem;
      if (!(own.pscore[i] > 0 && own.pscore[i] <= 1))
        return fmt::format("request {}: the page shown has probability {}", i, own.pscore[i]);
      if (!(std::abs(own.pscore[i] - again.pscore[i]) <= 1e-9 * own.pscore[i]))
        return fmt::format("request {}: the page shown has probability {}, asked for again {}", i,
                           own.pscore[i], again.pscore[i]);
    }
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::map<std::string, Golden> golden_of_run(const SuiteCase& one,
                                            const std::filesystem::path& run) {
  std::map<std::string, Golden> golden;
  std::unique_ptr<const SavedRun> saved;  // only where it is needed
  for (const SuiteCheck& check : one.checks)
    for (const std::string& name : check.policies) {
      if (check.check != "golden_scores") continue;
      if (saved == nullptr) saved = std::make_unique<const SavedRun>(run);
      golden[name] = saved->golden(name);
    }
  return golden;
}

CaseFacts facts_of(const SuiteCase& one, const std::filesystem::path& out,
                   const StudyOptions& options) {
  CaseFacts facts;
  const std::vector<StudyJob> jobs = jobs_of(one.study);
  facts.runs = run_jobs(one.study, jobs, out, options);
  facts.first_run = out / "jobs" / jobs.front().name;
  look_at_policies(one, facts.first_run, facts);
  return facts;
}

}  // namespace rehearsal
