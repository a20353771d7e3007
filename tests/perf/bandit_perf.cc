#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>
#include <numeric>

#include "analysis/action_rounds.h"
#include "analysis/marginal_weights.h"
#include "sim/core/rng.h"
#include "sim/engine/parallel.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kRounds = 1000000, kActions = 10, kDims = 3, kCategories = 10;

/// A million rounds of ten actions, and embeddings of three dimensions with ten values.
struct Columns {
  std::vector<std::uint32_t> action, embedding;
  std::vector<double> reward, pscore, action_dist, pi_b, q_hat, p_e_a;

  Columns() {
    Stream draw = Rng(1).stream(Draw::kWorld, {});
    const auto rows = [&](std::vector<double>& out, std::size_t n, std::size_t width) {
      out.resize(n * width);
      for (std::size_t i = 0; i < n; ++i) {
        double* row = out.data() + i * width;
        for (std::size_t a = 0; a < width; ++a) row[a] = 0.05 + draw.uniform();
        const double sum = std::accumulate(row, row + width, 0.0);
        for (std::size_t a = 0; a < width; ++a) row[a] /= sum;
      }
    };
    rows(action_dist, kRounds, kActions);
    rows(pi_b, kRounds, kActions);
    for (std::size_t i = 0; i < kRounds; ++i) {
      action.push_back(draw() % kActions);
      pscore.push_back(pi_b[i * kActions + action[i]]);
      reward.push_back(draw.uniform() < 0.3 ? 1 : 0);
      for (std::size_t a = 0; a < kActions; ++a) q_hat.push_back(draw.uniform());
      for (std::size_t d = 0; d < kDims; ++d) embedding.push_back(draw() % kCategories);
    }
    std::vector<double> one;
    p_e_a.resize(kActions * kCategories * kDims);
    for (std::size_t d = 0; d < kDims; ++d) {
      rows(one, kActions, kCategories);
      for (std::size_t c = 0; c < one.size(); ++c) p_e_a[c * kDims + d] = one[c];
    }
  }
  ActionRounds rounds() const { return {kActions, action, reward, pscore, action_dist, q_hat}; }
};

const Columns& columns() {
  static const Columns all;
  return all;
}

/// Eight sums at once, so that memory and not the adder is the bound.
template <class T>
double plain_sum(const std::vector<T>& values) {
  T sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= values.size(); i += 8)
    for (std::size_t lane = 0; lane < 8; ++lane) sums[lane] += values[i + lane];
  double total = 0;
  for (const T sum : sums) total += static_cast<double>(sum);
  return total;
}

/// Processor time: what other programs take does not count.
double milliseconds(const std::function<double()>& work) {
  const std::clock_t start = std::clock();
  benchmark::DoNotOptimize(work());
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// Times an estimate beside a plain sum over the columns that it needs, turn by turn.
/// Counters: of_plain_sum: the sum's time over the estimate's, the share of the bound.
///           times_obp: how much faster than Open Bandit Pipeline 0.5.5's full call.
void pair(benchmark::State& state, double obp_milliseconds, const std::function<double()>& estimate,
          const std::function<double()>& bound) {
  columns();
  std::vector<double> own, sum;
  for (auto _ : state) {
    sum.push_back(milliseconds(bound));
    own.push_back(milliseconds(estimate));
    state.SetIterationTime(own.back() / 1e3);
  }
  const auto median = [](std::vector<double> v) {
    std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
    return v[v.size() / 2];
  };
  state.counters["median_ms"] = median(own);
  state.counters["of_plain_sum"] = median(sum) / median(own);
  state.counters["times_obp"] = obp_milliseconds / median(own);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRounds));
}

double value_of(const std::string& name, const ActionRounds& rounds) {
  const Estimator estimator = parse_estimator(name);
  return estimate_actions(std::span(&estimator, 1), rounds)[0].value;
}

void weighted(benchmark::State& state, const std::string& name, double obp) {
  const Columns& c = columns();
  pair(
      state, obp, [&] { return value_of(name, c.rounds()); },
      [&] {
        return plain_sum(c.action) + plain_sum(c.action_dist) + plain_sum(c.pscore) +
               plain_sum(c.reward);
      });
}

void modelled(benchmark::State& state, const std::string& name, double obp) {
  const Columns& c = columns();
  pair(
      state, obp, [&] { return value_of(name, c.rounds()); },
      [&] {
        return plain_sum(c.action) + plain_sum(c.action_dist) + plain_sum(c.pscore) +
               plain_sum(c.reward) + plain_sum(c.q_hat);
      });
}

void direct(benchmark::State& state) {
  const Columns& c = columns();
  pair(
      state, 262, [&] { return value_of("dm", c.rounds()); },
      [&] { return plain_sum(c.action_dist) + plain_sum(c.q_hat); });
}

void marginalized(benchmark::State& state, bool joint) {
  const Columns& c = columns();
  const EmbeddedRounds embedded{kActions, kCategories, kDims,  c.action_dist,
                                c.pi_b,   c.embedding, c.p_e_a};
  const std::vector<std::size_t> dims{0, 1, 2};
  pair(
      state, 895,
      [&] {
        ActionRounds rounds = c.rounds();
        rounds.weigh =
            MarginalWeights(embedded, joint ? Marginal::kJoint : Marginal::kProduct, dims);
        return value_of("ips", rounds);
      },
      [&] {
        return plain_sum(c.action_dist) + plain_sum(c.pi_b) + plain_sum(c.embedding) +
               plain_sum(c.reward);
      });
}

/// Steps of a generator that never leaves the registers.
double spin(std::uint64_t n) {
  std::uint64_t x = n + 1;
  for (std::uint64_t i = 0; i < n; ++i) x = x * 6364136223846793005U + 1442695040888963407U;
  return static_cast<double>(x >> 40);
}

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// All threads of the machine against one, beside what a pure-ALU loop gains from them, turn by
/// turn. Counters: gain, alu_gain: one thread's time over theirs.  of_alu: the share of the bound.
void threads(benchmark::State& state, const std::string& name) {
  static constexpr std::uint64_t kSpins = 1 << 25;
  static constexpr std::size_t kParts = 16;
  const Columns& c = columns();
  const Estimator estimator = parse_estimator(name);
  const auto spin_on = [&](int n) {
    return seconds([&] {
      parallel_for(kParts, n, [](std::size_t) { benchmark::DoNotOptimize(spin(kSpins / kParts)); });
    });
  };
  const auto estimate_on = [&](int n) {
    return seconds([&] {
      benchmark::DoNotOptimize(estimate_actions(std::span(&estimator, 1), c.rounds(), n));
    });
  };
  std::vector<double> one, all, alu_one, alu_all;
  for (auto _ : state) {
    alu_one.push_back(spin_on(1));
    one.push_back(estimate_on(1));
    alu_all.push_back(spin_on(0));
    all.push_back(estimate_on(0));
    state.SetIterationTime(all.back());
  }
  // The best of each: other programs only ever take away.
  const auto best = [](const std::vector<double>& v) {
    return *std::min_element(v.begin(), v.end());
  };
  state.counters["gain"] = best(one) / best(all);
  state.counters["alu_gain"] = best(alu_one) / best(alu_all);
  state.counters["of_alu"] = best(one) / best(all) * best(alu_all) / best(alu_one);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRounds));
}

#define REHEARSAL_PAIRED(...) \
  BENCHMARK_CAPTURE(__VA_ARGS__)->UseManualTime()->Unit(benchmark::kMillisecond)

REHEARSAL_PAIRED(weighted, ipw, "ips", 75);
REHEARSAL_PAIRED(weighted, snipw, "snips", 75);
REHEARSAL_PAIRED(weighted, ipw_clip, "ips_clip_10", 75);
BENCHMARK(direct)->UseManualTime()->Unit(benchmark::kMillisecond);
REHEARSAL_PAIRED(modelled, dr, "dr", 338);
REHEARSAL_PAIRED(modelled, sndr, "sndr", 349);
REHEARSAL_PAIRED(modelled, switch_dr, "switch_dr_10", 398);
REHEARSAL_PAIRED(modelled, dros, "dros_100", 387);
REHEARSAL_PAIRED(marginalized, mipw_product, false);
REHEARSAL_PAIRED(marginalized, mipw_joint, true);
REHEARSAL_PAIRED(threads, ipw, "ips");
REHEARSAL_PAIRED(threads, dr, "dr");

}  // namespace
