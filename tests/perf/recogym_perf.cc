#include <benchmark/benchmark.h>

#include <ctime>

#include "sim/world/recogym_products.h"
#include "tests/support/recogym_lives.h"
#include "users/lanes.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kSideBySide = 256;
constexpr std::uint32_t kUsers = 1000;  // as the reference values

/// The floor of v1: the words of as many events in bulk, and the products of two registers of
/// products by five factors with an exponential each, or three for a bandit event (three in four).
REHEARSAL_AVX2 float bare_events(std::size_t n, const float* factors) {
  Eight sum = {};
  for (std::size_t i = 0; i < n; ++i) {
    const int exponentials = i % 4 == 0 ? 1 : 3;
    for (std::size_t half = 0; half < 2; ++half) {
      Eight x = *reinterpret_cast<const Eight*>(factors + half * kLanes);
      for (std::size_t k = 0; k < 5; ++k)
        x += factors[k + i % 8] * *reinterpret_cast<const Eight*>(factors + (k + half) * kLanes);
      for (int e = 0; e < exponentials; ++e) exponential(x);
      sum += x;
    }
  }
  return sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
}

/// One thread, in processor time: whole lives of 1,000 users at a time. An event: an organic view
/// (softmax over products) or a bandit event with the whole click vector, plus the transition.
void run(benchmark::State& state, const recogym::Environment& environment, double published,
         bool with_floor) {
  const Rng rng(5);
  const std::vector<float> factors(64, 0.01f);
  std::vector<Turn> turns(kSideBySide);
  std::vector<std::uint32_t> words(kSideBySide * environment.n_words());
  std::clock_t simulated = 0;
  std::clock_t floor = 0;
  std::size_t n_events = 0;
  std::uint64_t seed = 0;
  for (auto _ : state) {
    const std::clock_t start = std::clock();
    RecoGymLives lives(environment, ++seed, kUsers, kSideBySide);
    std::size_t n = 0;
    while (!lives.done()) n += lives.step();
    benchmark::DoNotOptimize(lives.clicked.data());
    const std::clock_t middle = std::clock();
    for (std::size_t at = 0; at < n && with_floor; at += kSideBySide) {
      rng.fill(Draw::kAdvance, turns, 0, static_cast<std::uint32_t>(environment.n_words() / 4),
               words);
      benchmark::DoNotOptimize(words.data());
      benchmark::DoNotOptimize(bare_events(kSideBySide, factors.data()));
    }
    floor += std::clock() - middle;
    simulated += middle - start;
    n_events += n;
    state.SetIterationTime(static_cast<double>(middle - start) / CLOCKS_PER_SEC);
  }
  const double rate = static_cast<double>(n_events) * CLOCKS_PER_SEC;
  state.counters["events_per_second"] = rate / static_cast<double>(simulated);
  state.counters["times_published"] = rate / static_cast<double>(simulated) / published;
  if (!with_floor) return;
  state.counters["bare_events_per_second"] = rate / static_cast<double>(floor);
  state.counters["share_of_bare"] = static_cast<double>(floor) / static_cast<double>(simulated);
}

void recogym_v1_events(benchmark::State& state) {
  const auto environment =
      recogym::make_v1({}, recogym::Rules::kPublished, recogym::draw_catalogue({}, Rng(1)), {});
  run(state, *environment, 2000, true);
}

void recogym_v0_events(benchmark::State& state) {
  const RowMatrix clicks = recogym::cluster_clicks(recogym::cluster_transitions(10, 2),
                                                   recogym::draw_phi(10, 0.1, Rng(1)));
  const auto environment = recogym::make_v0({}, recogym::Rules::kPublished, 2, clicks);
  run(state, *environment, 9600, false);
}

}  // namespace

BENCHMARK(recogym_v1_events)->UseManualTime()->MinTime(2);
BENCHMARK(recogym_v0_events)->UseManualTime()->MinTime(1);
