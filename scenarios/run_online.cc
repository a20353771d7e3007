#include "scenarios/run_online.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "analysis/intervals.h"
#include "analysis/ratio.h"
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

/// Fills what follows from a curve. Args: first: that of the policy that shares are of.
void add_regret(const OnlineCurve& curve, const OnlineCurve& first, double confidence,
                OnlineResult& out) {
  out.regret = curve.regret();
  out.regret_standard_error = curve.standard_error;
  out.total = normal_interval(out.regret.back(), out.regret_standard_error.back(), confidence);
  const Ratio over = paired_lift(curve.user_regret, first.user_regret);
  out.share = normal_interval(1 + over.value, over.standard_error, confidence);
  out.share_standard_error = over.standard_error;
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
  const std::vector<OnlineCurve> curves =
      run_online(*setup.world, *setup.users, arms, setup.rng, how);
  OnlineResults& out = results.online.emplace();
  out.metric = step.metric;
  out.best = step.best;
  out.pages = how.batch_rounds;
  out.batches = how.n_batches;
  out.delay = how.delay;
  out.confidence = scenario.estimate.confidence;
  for (std::size_t a = 0; a < arms.size(); ++a) {
    const OnlineCurve& curve = curves[a];
    OnlineResult& policy = out.policies.emplace_back();
    policy.name = arms[a].name;
    policy.learns = arms[a].learns;
    policy.rounds = curve.rounds;
    policy.expected = curve.expected;
    policy.sampled = curve.sampled;
    policy.best = curve.best;
    add_regret(curve, curves[0], out.confidence, policy);
    if (!arms[a].learns) continue;
    save_policy(*serving[a], serving[a]->config(), folder.online(arms[a].name));
    save_policy_schema(setup.world->schema(), folder.online(arms[a].name),
                       folder.policy(scenario.policies[0].name));
  }
  write_text_atomically(folder.regret(), regret_csv(out));
}

std::string regret_csv(const OnlineResults& online) {
  std::string text = "batch,policy,expected,best,regret,stderr\n";
  for (const OnlineResult& policy : online.policies)
    for (std::size_t b = 0; b < policy.regret.size(); ++b)
      text += fmt::format("{},{},{},{},{},{}\n", b, policy.name, policy.expected[b], policy.best[b],
                          policy.regret[b], policy.regret_standard_error[b]);
  return text;
}

std::string online_table(const OnlineResults& online) {
  std::vector<const OnlineResult*> order;
  for (const OnlineResult& policy : online.policies) order.push_back(&policy);
  std::stable_sort(order.begin(), order.end(), [](const OnlineResult* a, const OnlineResult* b) {
    return a->regret.back() < b->regret.back();
  });
  std::string text = fmt::format(
      "Online: {} batches of {} pages, feedback {} batches late; {} against '{}', exact\n",
      online.batches, online.pages, online.delay, online.metric, online.best);
  text += fmt::format("{:<28} {:>12} {:>10} {:>15} {:>10} {:>14} {:>14}\n", "policy", "regret",
                      "s.e.", "share of first", "s.e.", "in last tenth", online.metric + " a page");
  for (const OnlineResult* policy : order) {
    const auto rounds = std::accumulate(policy->rounds.begin(), policy->rounds.end(), 0.0);
    const auto share = [](double value) {
      return std::isfinite(value) ? fmt::format("{:.3f}", value) : std::string("-");
    };
    text += fmt::format("{:<28} {:>12.1f} {:>10.1f} {:>15} {:>10} {:>14.1f} {:>14.5f}\n",
                        policy->name + (policy->learns ? "" : " *"), policy->total.value,
                        policy->regret_standard_error.back(), share(policy->share.value),
                        share(policy->share_standard_error), regret_in_last_tenth(*policy),
                        total(policy->expected) / rounds);
  }
  return text +
         "* does not learn while it serves\n"
         "s.e.: of other users under the same course of learning; of a share, of the same users\n";
}

double regret_in_last_tenth(const OnlineResult& policy) {
  const std::size_t n_batches = policy.regret.size();
  const std::size_t before = n_batches - (n_batches + 9) / 10;
  return policy.regret.back() - (before == 0 ? 0 : policy.regret[before - 1]);
}

}  // namespace rehearsal
