#include <benchmark/benchmark.h>

#include <ctime>
#include <vector>

#include "tests/support/recsim_walks.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kUsers = 64;  // who take a step each, so that numbers come in bulk
constexpr std::size_t kRounds = 16;

// RecSim's own steps per second, one core.
constexpr double kRecsimEvolution = 1900;
constexpr double kRecsimSatisfaction = 5200;

/// Users, each at a turn of its own; a step of all of them draws its words in bulk.
struct Users {
  explicit Users(std::uint32_t n_blocks) : blocks(n_blocks), words(4 * n_blocks * kUsers) {
    for (std::uint32_t u = 0; u < kUsers; ++u) turns.push_back({UserId{u}, 0, 0});
  }
  void draw() {
    rng.fill(Draw::kResponse, turns, 0, blocks, words);
    for (Turn& turn : turns) ++turn.round;
  }
  const std::uint32_t* words_of(std::size_t u) const { return words.data() + 4 * blocks * u; }
  void next_session(std::size_t u) {
    ++turns[u].session;
    turns[u].round = 0;
  }

  Rng rng{1};
  std::uint32_t blocks;
  std::vector<Turn> turns;
  std::vector<std::uint32_t> words;
};

/// Ten candidates, of 20 topics and with a normal quality each, a random slate of two, scores,
/// proportional choice, update of interests and budget; who has no time left starts anew.
struct Evolution {
  using Walk = testing::EvolutionWalk<10>;

  Evolution() {
    for (std::size_t u = 0; u < kUsers; ++u) start(u);
  }
  void start(std::size_t u) {
    std::uint32_t words[20];
    users.rng.fill(Draw::kPopulation, users.turns[u], 0, words);
    walk.start(words, std::span(interests).subspan(20 * u, 20), budget[u]);
  }
  void step() {
    users.draw();
    for (std::size_t u = 0; u < kUsers; ++u) {
      walk.step(users.words_of(u), std::span(interests).subspan(20 * u, 20), budget[u]);
      if (budget[u] > 0) continue;
      users.next_session(u);
      start(u);
    }
    benchmark::DoNotOptimize(budget.data());
  }
  /// The same random words and the normal qualities.
  void bare() {
    floor.draw();
    for (std::size_t u = 0; u < kUsers; ++u)
      for (std::size_t j = 0; j < 10; ++j) sum += normal_from(floor.words_of(u)[2 * j + 1]);
    benchmark::DoNotOptimize(sum);
  }

  Walk walk;
  Users users{Walk::kBlocks}, floor{Walk::kBlocks};
  std::vector<double> interests = std::vector<double>(20 * kUsers);
  std::vector<double> budget = std::vector<double>(kUsers);
  double sum = 0;
};

/// Ten candidates, a random slate of two, one log-normal engagement, update of the exposure.
struct Satisfaction {
  using Walk = testing::SatisfactionWalk;

  void step() {
    users.draw();
    for (std::size_t u = 0; u < kUsers; ++u) {
      sum += walk.step(users.words_of(u), exposure[u]);
      if (users.turns[u].round < 60) continue;
      users.next_session(u);
      exposure[u] = recsim::first_exposure(
          walk.model, users.rng.stream(Draw::kPopulation, users.turns[u]).uniform());
    }
    benchmark::DoNotOptimize(sum);
  }
  /// The same random words, two normal numbers and two exponentials.
  void bare() {
    floor.draw();
    for (std::size_t u = 0; u < kUsers; ++u) {
      const std::uint32_t* words = floor.words_of(u);
      sum += std::exp(normal_from(words[12])) + std::exp(normal_from(words[13]));
    }
    benchmark::DoNotOptimize(sum);
  }

  Walk walk;
  Users users{Walk::kBlocks}, floor{Walk::kBlocks};
  std::vector<double> exposure = std::vector<double>(kUsers);
  double sum = 0;
};

/// One core. Steps and floor take turns, so that both meet the same machine; processor time, so
/// that what else runs there is not counted.
template <class Simulation>
void steps(benchmark::State& state, double recsim_rate) {
  Simulation simulation;
  std::clock_t simulated = 0;
  std::clock_t floor = 0;
  for (auto _ : state) {
    const std::clock_t start = std::clock();
    for (std::size_t r = 0; r < kRounds; ++r) simulation.step();
    const std::clock_t middle = std::clock();
    for (std::size_t r = 0; r < kRounds; ++r) simulation.bare();
    floor += std::clock() - middle;
    simulated += middle - start;
    state.SetIterationTime(static_cast<double>(middle - start) / CLOCKS_PER_SEC);
  }
  const double n = static_cast<double>(state.iterations()) * kUsers * kRounds * CLOCKS_PER_SEC;
  const double rate = n / static_cast<double>(simulated);
  state.counters["steps_per_second"] = rate;
  state.counters["bare_steps_per_second"] = n / static_cast<double>(floor);
  state.counters["share_of_bare"] = static_cast<double>(floor) / static_cast<double>(simulated);
  state.counters["times_recsim"] = rate / recsim_rate;
}

void recsim_interest_evolution(benchmark::State& state) {
  steps<Evolution>(state, kRecsimEvolution);
}
void recsim_long_term_satisfaction(benchmark::State& state) {
  steps<Satisfaction>(state, kRecsimSatisfaction);
}

}  // namespace

BENCHMARK(recsim_interest_evolution)->UseManualTime()->MinTime(2);
BENCHMARK(recsim_long_term_satisfaction)->UseManualTime()->MinTime(2);
