#include <benchmark/benchmark.h>

#include <ctime>

#include "sim/core/normal.h"
#include "sim/core/rng.h"
#include "users/deezer/streams.h"
#include "users/lanes.h"

using namespace rehearsal;

namespace {

// The published setting: 97 dimensions, 862 playlists, 12 cards, 20,000 users a round.
constexpr std::size_t kDimensions = 97;
constexpr std::size_t kPlaylists = 862;
constexpr std::size_t kUsers = 20000;
constexpr std::size_t kCards = 12;
constexpr std::size_t kBatch = 1000;  // users whose words are drawn together

deezer::PaddedRows normal_rows(std::size_t n, std::uint32_t item) {
  deezer::PaddedRows rows(n, kDimensions);
  Stream stream = Rng(1).stream(Draw::kWorld, {}, item);
  for (std::size_t i = 0; i < n; ++i)
    for (float& value : rows.fill(i))
      value = static_cast<float>(0.2 * normal_quantile(stream.uniform()));
  return rows;
}

struct Round {
  Round() : users(kUsers), slates(kUsers * kCards) {
    Stream stream = Rng(2).stream(Draw::kWorld, {}, 0);
    for (std::uint32_t& user : users) user = stream() % kUsers;
    for (std::uint32_t& card : slates) card = stream() % kPlaylists;
  }

  std::vector<std::uint32_t> users;   // (kUsers)
  std::vector<std::uint32_t> slates;  // (kUsers, kCards)
};

void draw(const Rng& rng, std::uint32_t round, std::size_t first, std::vector<Turn>& turns,
          std::vector<std::uint32_t>& words) {
  turns.resize(kBatch);
  words.resize(kBatch * kCards);
  for (std::size_t i = 0; i < kBatch; ++i)
    turns[i] = {UserId{static_cast<std::uint32_t>(first + i)},
                static_cast<std::uint16_t>(round >> 16), static_cast<std::uint16_t>(round)};
  rng.fill(Draw::kResponse, turns, 0, kCards / 4, words);
}

/// The floor: the same words and the same number of multiplications and additions, on rows that
/// stay in the first-level cache.
REHEARSAL_AVX2 float products(const deezer::PaddedRows& rows, std::size_t n_users) {
  Eight sum[4] = {};
  for (std::size_t i = 0; i < n_users; ++i)
    for (std::size_t card = 0; card < kCards; card += 4)
      for (std::size_t j = 0; j < rows.width(); j += kLanes) {
        const Eight x = *reinterpret_cast<const Eight*>(rows.row(i % 16) + j);
#pragma GCC unroll 4
        for (std::size_t k = 0; k < 4; ++k)
          sum[k] += x * *reinterpret_cast<const Eight*>(rows.row(16 + card + k) + j);
      }
  const Eight all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
  return all[0] + all[1] + all[2] + all[3] + all[4] + all[5] + all[6] + all[7];
}

/// One thread, in processor time. A user: 12 Bernoulli streams over 97-dimensional products for a
/// given slate, the first success kept.
void deezer_users(benchmark::State& state) {
  const deezer::PaddedRows users = normal_rows(kUsers, 0);
  const deezer::PaddedRows playlists = normal_rows(kPlaylists, 1);
  const Round round;
  const Rng rng(3);
  std::vector<Turn> turns;
  std::vector<std::uint32_t> words;
  std::vector<std::uint8_t> first(kBatch);
  std::clock_t simulated = 0;
  std::clock_t floor = 0;
  std::uint32_t number = 0;
  for (auto _ : state) {
    const std::clock_t start = std::clock();
    for (std::size_t at = 0; at < kUsers; at += kBatch) {
      draw(rng, number, at, turns, words);
      deezer::first_streams(users, playlists, std::span(round.users).subspan(at, kBatch),
                            std::span(round.slates).subspan(at * kCards, kBatch * kCards), kCards,
                            words, first);
      benchmark::DoNotOptimize(first.data());
      benchmark::ClobberMemory();
    }
    const std::clock_t middle = std::clock();
    for (std::size_t at = 0; at < kUsers; at += kBatch) {
      draw(rng, number, at, turns, words);
      benchmark::DoNotOptimize(words.data());
      benchmark::DoNotOptimize(products(playlists, kBatch));
      benchmark::ClobberMemory();
    }
    floor += std::clock() - middle;
    simulated += middle - start;
    state.SetIterationTime(static_cast<double>(middle - start) / CLOCKS_PER_SEC);
    ++number;
  }
  const double n = static_cast<double>(state.iterations()) * kUsers * CLOCKS_PER_SEC;
  state.counters["users_per_second"] = n / static_cast<double>(simulated);
  state.counters["bare_users_per_second"] = n / static_cast<double>(floor);
  state.counters["share_of_bare"] = static_cast<double>(floor) / static_cast<double>(simulated);
  state.counters["times_published"] = n / static_cast<double>(simulated) / 108000;
}

}  // namespace

BENCHMARK(deezer_users)->UseManualTime()->MinTime(2);
