#include <benchmark/benchmark.h>

#include <numeric>

#include "analysis/evaluate.h"
#include "analysis/weights.h"
#include "sim/module_logistic.h"
#include "tests/support/made_up_log.h"
#include "tests/support/tabular_policy.h"

using namespace rehearsal;
using rehearsal::testing::FunctionPolicy;

namespace {

MadeUpOptions page_of_ten() {
  MadeUpOptions options;
  options.n_modules = 10;
  options.n_slots = 5;
  options.n_users = 20000;
  options.rounds_per_user = 5;
  options.users_per_shard = 5000;
  options.base_logit = -3.5;
  return options;
}

const MadeUpLog& log_of_ten() {
  static const MadeUpLog log = make_up_log(page_of_ten(), 1);
  return log;
}

FunctionPolicy uniform_policy() {
  return FunctionPolicy([](Offsets offsets, std::vector<std::uint16_t> n_positions) {
    return make_uniform(std::move(offsets), std::move(n_positions));
  });
}

FunctionPolicy fixed_order(std::size_t shift) {
  return FunctionPolicy(
      [shift](Offsets offsets, std::vector<std::uint16_t> n_positions) {
        std::vector<double> scores(offsets.back());
        for (std::size_t c = 0; c < scores.size(); ++c)
          scores[c] = static_cast<double>((c * 7 + shift) % 10);
        return make_deterministic(std::move(offsets), std::move(n_positions), scores);
      },
      true);
}

std::int64_t n_rounds(const MadeUpLog& log) {
  std::int64_t n = 0;
  for (const LogBatch& batch : log.shards) n += static_cast<std::int64_t>(batch.size());
  return n;
}

/// The bound: a plain sum over the columns that item-position weights read.
void read_columns(benchmark::State& state) {
  const MadeUpLog& log = log_of_ten();
  for (auto _ : state) {
    double sum = 0;
    for (const LogBatch& b : log.shards) {
      for (const double p : b.propensities.pscore_item_position) sum += p;
      for (const std::uint16_t m : b.pages.module) sum += m;
      for (const std::uint16_t m : b.requests.module) sum += m;
      for (const std::uint8_t c : b.responses.click) sum += c;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * n_rounds(log));
}
BENCHMARK(read_columns)->Unit(benchmark::kMillisecond);

/// Item-position weights of a fixed order and their estimate, in rounds per second.
void weights_and_iips(benchmark::State& state) {
  const MadeUpLog& log = log_of_ten();
  const FunctionPolicy policy = fixed_order(3);
  WeightNeeds needs;
  needs.item_position = true;
  PseudoInverseCache cache;
  for (auto _ : state) {
    double sum = 0;
    for (const LogBatch& batch : log.shards) {
      const LoggedRounds logged = logged_rounds(batch, nullptr, needs, cache);
      PolicyWeights weights;
      policy_weights(logged, policy, needs, weights);
      const std::vector<double> reward(batch.responses.click.begin(), batch.responses.click.end());
      WeightedRounds rounds;
      rounds.slot_offsets = batch.pages.slot_offsets;
      rounds.reward = reward;
      rounds.item_position_weight = weights.item_position;
      sum += estimate_value(parse_estimator("iips"), rounds, 5);
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * n_rounds(log));
}
BENCHMARK(weights_and_iips)->Unit(benchmark::kMillisecond);

/// The estimator's kernel alone: weights at hand.
void iips_alone(benchmark::State& state) {
  const MadeUpLog& log = log_of_ten();
  std::vector<double> reward, weight, out;
  std::vector<std::uint32_t> offsets{0};
  for (const LogBatch& batch : log.shards) {
    reward.insert(reward.end(), batch.responses.click.begin(), batch.responses.click.end());
    for (std::size_t i = 0; i < batch.size(); ++i) offsets.push_back(offsets.back() + 5);
  }
  weight.assign(reward.size(), 1.5);
  out.resize(offsets.size() - 1);
  WeightedRounds rounds;
  rounds.slot_offsets = offsets;
  rounds.reward = reward;
  rounds.item_position_weight = weight;
  for (auto _ : state) {
    parse_estimator("iips").terms(rounds, 5, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * n_rounds(log));
  state.SetBytesProcessed(state.iterations() *
                          static_cast<std::int64_t>(8 * (2 * reward.size() + out.size())));
}
BENCHMARK(iips_alone)->Unit(benchmark::kMillisecond);

/// The default scenario's evaluation: 14 policies, 8 estimators, 2 metrics, 200 resamples.
void evaluate_fourteen(benchmark::State& state) {
  const MadeUpLog& log = log_of_ten();
  const FunctionPolicy behavior = uniform_policy();
  std::vector<FunctionPolicy> policies;
  for (std::size_t p = 0; p < 14; ++p) policies.push_back(fixed_order(p % 10));
  std::vector<Candidate> candidates;
  for (const FunctionPolicy& policy : policies)
    candidates.push_back({"p" + std::to_string(candidates.size()), &policy});
  EvaluateOptions options;
  options.estimators = {"ips", "snips", "iips", "sniips", "rips", "pi", "dm", "dr"};
  options.interval = state.range(0) != 0 ? "bootstrap" : "normal";
  options.threads = 1;
  for (auto _ : state)
    benchmark::DoNotOptimize(evaluate(log.source(), {}, candidates, &behavior, 0, Rng(1), options));
  state.SetItemsProcessed(state.iterations() * n_rounds(log));
}
BENCHMARK(evaluate_fourteen)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

/// One logistic fit of clicks with positions.
void fit_logistic(benchmark::State& state) {
  const MadeUpLog& log = log_of_ten();
  ModuleLogisticOptions options;
  options.threads = 1;
  for (auto _ : state)
    benchmark::DoNotOptimize(fit_module_logistic(log.source(), {{}}, Rng(1), options));
  state.SetItemsProcessed(state.iterations() * n_rounds(log));
}
BENCHMARK(fit_logistic)->Unit(benchmark::kMillisecond);

}  // namespace
