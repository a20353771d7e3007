// 10^5 slates of five positions over ten actions, weights and models at hand: each estimator's
// value and standard error in slates per second, beside a plain sum over the columns it reads.

#include <benchmark/benchmark.h>

#include <numeric>

#include "analysis/slate_estimators.h"
#include "sim/core/rng.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kSlates = 100000, kPositions = 5, kActions = 10;

struct Slates {
  std::vector<std::uint32_t> offsets, action;
  std::vector<double> reward, pi, mu, q_hat, action_dist;

  Slates() {
    Stream stream = Rng(1).stream(Draw::kWorld, {});
    for (std::size_t i = 0; i <= kSlates; ++i)
      offsets.push_back(static_cast<std::uint32_t>(i * kPositions));
    for (std::size_t s = 0; s < kSlates * kPositions; ++s) {
      action.push_back(static_cast<std::uint32_t>(stream.uniform() * kActions));
      reward.push_back(stream.uniform() < .3 ? 1 : 0);
      pi.push_back(stream.uniform());
      mu.push_back(.1 + .9 * stream.uniform());
      for (std::size_t a = 0; a < kActions; ++a) {
        q_hat.push_back(stream.uniform());
        action_dist.push_back(1. / kActions);
      }
    }
  }
  SlateColumns view() const {
    return {offsets, reward, {pi, mu}, {pi, mu}, {pi, mu}, kActions, action, q_hat, action_dist};
  }
};

const Slates& slates() {
  static const Slates all;
  return all;
}

double sum_of(const std::vector<double>& column) {
  double sums[8] = {};
  for (std::size_t i = 0; i + 8 <= column.size(); i += 8)
    for (std::size_t j = 0; j < 8; ++j) sums[j] += column[i + j];
  return std::accumulate(sums, sums + 8, 0.0);
}

void run(benchmark::State& state, const char* name) {
  const SlateColumns columns = slates().view();
  const SlateEstimatorEntry& entry = slate_estimators().at(name);
  for (auto _ : state) benchmark::DoNotOptimize(estimate_slates(entry, columns));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSlates));
}

/// The bound of sips, iips and rips.
void sum_three_columns(benchmark::State& state) {
  const Slates& all = slates();
  for (auto _ : state)
    benchmark::DoNotOptimize(sum_of(all.reward) + sum_of(all.pi) + sum_of(all.mu));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSlates));
}

/// The bound of cascade_dr.
void sum_model_columns(benchmark::State& state) {
  const Slates& all = slates();
  for (auto _ : state)
    benchmark::DoNotOptimize(sum_of(all.reward) + sum_of(all.pi) + sum_of(all.mu) +
                             sum_of(all.q_hat) + sum_of(all.action_dist));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSlates));
}

BENCHMARK(sum_three_columns)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, slate_sips, "sips")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, slate_iips, "iips")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, slate_rips, "rips")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, slate_sniips, "sniips")->Unit(benchmark::kMillisecond);
BENCHMARK(sum_model_columns)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(run, slate_cascade_dr, "cascade_dr")->Unit(benchmark::kMillisecond);

}  // namespace
