#include "scenarios/run_online.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "policies/policies.h"
#include "sim/engine/online.h"

namespace rehearsal {

namespace {

/// Who serves: bandits anew, so that nothing else that refers to them changes; the others as the
/// run left them.
std::vector<std::shared_ptr<Policy>> contenders(const Scenario& scenario, const Setup& setup) {
  std::vector<std::shared_ptr<Policy>> out;
  for (const std::string& name : scenario.online.policies) {
    const std::size_t index = scenario.index_of(name);
    const bool online = policies().at(scenario.policies[index].plugin.type).online;
    out.push_back(online ? build_again(scenario, setup, index) : setup.policies[index]);
    if (online && scenario.online.start == "log")
      out.back()->set_state(setup.policies[index]->state());
  }
  return out;
}

double total(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

void online_step(const Scenario& scenario, const Setup& setup, const RunFolder& folder,
                 const RunOptions& options, Results& results) {
  const OnlineStep& step = scenario.online;
  const std::vector<std::shared_ptr<Policy>> serving = contenders(scenario, setup);
  std::vector<OnlineArm> arms;
  for (std::size_t a = 0; a < serving.size(); ++a) {
    const std::string& type = scenario.policies[scenario.index_of(step.policies[a])].plugin.type;
    arms.push_back({step.policies[a], serving[a].get(), policies().at(type).online});
  }
  OnlineOptions how;
  how.n_batches = static_cast<std::uint32_t>(step.batches);
  how.batch_rounds = static_cast<std::uint64_t>(step.pages);
  how.delay = static_cast<std::uint32_t>(step.delay);
  how.metric = step.metric;
  how.best = setup.policies[scenario.index_of(step.best)].get();
  how.threads = options.threads;
  how.progress = options.progress;
  std::vector<OnlineCurve> curves = run_online(*setup.world, *setup.users, arms, setup.rng, how);
  OnlineResults& out = results.online.emplace();
  out.metric = step.metric;
  out.best = step.best;
  out.pages = how.batch_rounds;
  out.batches = how.n_batches;
  out.delay = how.delay;
  for (std::size_t a = 0; a < arms.size(); ++a) {
    OnlineCurve& curve = curves[a];
    out.policies.push_back({arms[a].name, arms[a].learns, std::move(curve.rounds), curve.expected,
                            curve.sampled, curve.best, curve.regret()});
    if (!arms[a].learns) continue;
    save_policy(*serving[a], serving[a]->config(), folder.online(arms[a].name));
    save_policy_schema(setup.world->schema(), folder.online(arms[a].name),
                       folder.policy(scenario.policies[0].name));
  }
  write_text_atomically(folder.regret(), regret_csv(out));
}

std::string regret_csv(const OnlineResults& online) {
  std::string text = "batch,policy,expected,best,regret\n";
  for (const OnlineResult& policy : online.policies)
    for (std::size_t b = 0; b < policy.regret.size(); ++b)
      text += fmt::format("{},{},{},{},{}\n", b, policy.name, policy.expected[b], policy.best[b],
                          policy.regret[b]);
  return text;
}

std::string online_table(const OnlineResults& online) {
  std::vector<const OnlineResult*> order;
  for (const OnlineResult& policy : online.policies) order.push_back(&policy);
  std::stable_sort(order.begin(), order.end(), [](const OnlineResult* a, const OnlineResult* b) {
    return a->regret.back() < b->regret.back();
  });
  const OnlineResult& first = online.policies[0];
  std::string text = fmt::format(
      "Online: {} batches of {} pages, feedback {} batches late; {} against '{}', exact\n",
      online.batches, online.pages, online.delay, online.metric, online.best);
  text += fmt::format("{:<28} {:>14} {:>14} {:>14} {:>14}\n", "policy", "regret", "share of first",
                      "in last tenth", online.metric + " a page");
  const std::size_t tenth = online.batches - (online.batches + 9) / 10;
  for (const OnlineResult* policy : order) {
    const double regret = policy->regret.back();
    const double before = tenth == 0 ? 0 : policy->regret[tenth - 1];
    const auto rounds = std::accumulate(policy->rounds.begin(), policy->rounds.end(), 0.0);
    const double whole = first.regret.back();
    text += fmt::format("{:<28} {:>14.1f} {:>14} {:>14.1f} {:>14.5f}\n",
                        policy->name + (policy->learns ? "" : " *"), regret,
                        whole > 0 ? fmt::format("{:.3f}", regret / whole) : "-", regret - before,
                        total(policy->expected) / rounds);
  }
  return text + "* does not learn while it serves\n";
}

}  // namespace rehearsal
