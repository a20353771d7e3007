#include <benchmark/benchmark.h>
#include <yaml-cpp/yaml.h>

#include <chrono>

#include "policies/module_scorer.h"
#include "policies/policies.h"
#include "scenarios/serve/latency.h"
#include "scenarios/serve/request_lines.h"
#include "sim/core/error.h"
#include "sim/encoder.h"
#include "sim/trainer.h"
#include "sim/world/world.h"

// Serving the item page: ten eligible modules of eight items, a 64-32 network for click and
// purchase, one core. Scoring and ordering one request at a time and as micro-batches, the same
// with its JSON, and beside them libtorch called once a request on the same network.
namespace rehearsal {

namespace {

struct Site {
  std::unique_ptr<World> world;
  std::shared_ptr<Policy> policy;
  Arrays weights;
  ModuleNetworkSpec spec;
  RequestBatch requests;

  Site() {
    const YAML::Node node = YAML::Load("{users: 5000, items: 50000}");
    world = worlds().at("item_page").make(PluginConfig{node, {"world.yaml", "world"}}, Rng(1));
    const Schema& schema = world->schema();
    const YAML::Node policy_node =
        YAML::Load("{name: dnn, type: pointwise_orderer, train: {tasks: [click, purchase]}}");
    policy = make_policy(policy_node, {"policy.yaml", ""}, {schema, Rng(1), nullptr, {}});
    spec.n_inputs = static_cast<std::int64_t>(Encoder(schema).n_inputs());
    spec.n_modules = static_cast<std::int64_t>(schema.n_modules());
    spec.hidden = {64, 32};
    spec.purchase = true;
    give_weights();
    keep_full_pages();
  }

 private:
  static Array wavy(std::vector<std::int64_t> sides) {
    Array array;
    std::size_t n = 1;
    for (const std::int64_t side : sides) {
      array.shape.push_back(static_cast<std::size_t>(side));
      n *= array.shape.back();
    }
    for (std::size_t i = 0; i < n; ++i)
      array.values.push_back(0.2 * std::sin(0.7 * static_cast<double>(i)));
    return array;
  }

  void give_weights() {
    weights = {{"trunk.0.weight", wavy({64, spec.n_inputs})},
               {"trunk.0.bias", wavy({64})},
               {"trunk.1.weight", wavy({32, 64})},
               {"trunk.1.bias", wavy({32})},
               {"click.weight", wavy({spec.n_modules, 32})},
               {"click.bias", wavy({10})},
               {"purchase.weight", wavy({spec.n_modules, 32})},
               {"purchase.bias", wavy({10})}};
    Arrays state = weights;
    const auto n = static_cast<std::size_t>(spec.n_inputs);
    state["input_mean"] = {{n}, std::vector<double>(n, 0.0)};
    state["input_sd"] = {{n}, std::vector<double>(n, 1.0)};
    policy->set_state(state);
  }

  /// Requests whose ten modules are all eligible.
  void keep_full_pages() {
    std::vector<Turn> turns;
    for (std::uint32_t user = 0; user < 5000; ++user) turns.push_back({UserId{user}, 0, 0});
    RequestBatch all;
    world->requests(turns, Rng(1), all);
    std::vector<std::uint32_t> rows;
    for (std::uint32_t i = 0; i < all.size(); ++i)
      if (all.n_eligible(i) == world->schema().n_modules()) rows.push_back(i);
    REHEARSAL_CHECK(rows.size() >= 64);
    rows.resize(64);
    requests = gather(all, rows);
  }
};

const Site& site() {
  static const Site one;
  return one;
}

std::vector<RequestBatch> one_by_one() {
  std::vector<RequestBatch> alone;
  for (std::uint32_t i = 0; i < site().requests.size(); ++i)
    alone.push_back(gather(site().requests, std::span(&i, 1)));
  return alone;
}

/// Calls `work(k)` on and on; states requests a second and the percentiles of a request.
template <class Work>
void measure(benchmark::State& state, std::size_t requests_a_call, Work&& work) {
  Latencies latencies;
  std::size_t k = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    work(k++ % site().requests.size());
    latencies.add(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.counters["p50_us"] = 1e6 * latencies.quantile(0.5);
  state.counters["p99_us"] = 1e6 * latencies.quantile(0.99);
  state.counters["requests/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(requests_a_call),
      benchmark::Counter::kIsRate);
}

void rank_one_request(benchmark::State& state) {
  const std::vector<RequestBatch> alone = one_by_one();
  PageBatch pages;
  Propensities propensities;
  measure(state, 1, [&](std::size_t k) {
    recommend(*site().policy, alone[k], Rng(1), pages, &propensities);
    benchmark::DoNotOptimize(pages.module.data());
  });
}
BENCHMARK(rank_one_request);

void rank_micro_batch(benchmark::State& state) {
  PageBatch pages;
  Propensities propensities;
  measure(state, site().requests.size(), [&](std::size_t) {
    recommend(*site().policy, site().requests, Rng(1), pages, &propensities);
    benchmark::DoNotOptimize(pages.module.data());
  });
}
BENCHMARK(rank_micro_batch);

std::string line_of(const RequestBatch& requests, std::size_t i, const Schema& schema) {
  std::string text = "{\"id\":" + std::to_string(i) + ",\"context\":{";
  for (std::size_t j = 0; j < schema.n_features(); ++j) {
    const Feature& feature = schema.features[j];
    const float value = requests.features(i)[j];
    text += (j > 0 ? ",\"" : "\"") + feature.name + "\":";
    text += feature.categorical() ? "\"" + feature.levels[static_cast<std::size_t>(value)] + "\""
                                  : std::to_string(value);
  }
  text += "},\"modules\":[";
  for (std::size_t e = requests.module_offsets[i]; e < requests.module_offsets[i + 1]; ++e) {
    text += (e > requests.module_offsets[i] ? ",{\"module\":\"" : "{\"module\":\"") +
            schema.modules[requests.module[e]] + "\",\"items\":[";
    for (std::size_t c = requests.candidate_offsets[e]; c < requests.candidate_offsets[e + 1]; ++c)
      text +=
          (c > requests.candidate_offsets[e] ? "," : "") + std::to_string(requests.candidate[c]);
    text += "]}";
  }
  return text + "]}";
}

/// A line in, a line out.
void rank_one_line(benchmark::State& state) {
  const Schema& schema = site().world->schema();
  const RequestLines lines(schema);
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < site().requests.size(); ++i)
    texts.push_back(line_of(site().requests, i, schema));
  PageBatch pages;
  Propensities propensities;
  measure(state, 1, [&](std::size_t k) {
    RequestBatch request;
    std::string id;
    lines.read(texts[k], request, id);
    recommend(*site().policy, request, Rng(1), pages, &propensities);
    benchmark::DoNotOptimize(lines.answer(id, pages, 0, propensities.pscore[0]).data());
  });
}
BENCHMARK(rank_one_line);

/// The network alone, no ordering. Each call also turns the weights into tensors.
void torch_once_a_request(benchmark::State& state) {
  try {
    Trainer& trainer = load_trainer();
    RowMatrixF inputs;
    Encoder(site().world->schema()).encode(site().requests, inputs);
    measure(state, 1, [&](std::size_t k) {
      const RowMatrixF one = inputs.row(static_cast<Eigen::Index>(k));
      benchmark::DoNotOptimize(trainer.score(site().spec, site().weights, one).data());
    });
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}
BENCHMARK(torch_once_a_request);

/// One request at a time in turns with libtorch, so that both see the same machine: how many times
/// its throughput scoring alone has, and ranking (encoding, scoring, ordering, propensities).
void times_torch_once_a_request(benchmark::State& state) {
  using Clock = std::chrono::steady_clock;
  try {
    Trainer& trainer = load_trainer();
    const ModuleScorer scorer(site().spec, site().weights);
    const std::vector<RequestBatch> alone = one_by_one();
    RowMatrixF inputs;
    Encoder(site().world->schema()).encode(site().requests, inputs);
    RowMatrixF logits;
    PageBatch pages;
    Propensities propensities;
    std::chrono::duration<double> seconds[3] = {};
    const auto timed = [&](std::size_t which, auto&& work) {
      const auto start = Clock::now();
      for (std::size_t k = 0; k < alone.size(); ++k) work(k);
      seconds[which] += Clock::now() - start;
    };
    for (auto _ : state) {
      timed(0, [&](std::size_t k) {
        const RowMatrixF one = inputs.row(static_cast<Eigen::Index>(k));
        benchmark::DoNotOptimize(trainer.score(site().spec, site().weights, one).data());
      });
      timed(1, [&](std::size_t k) {
        const RowMatrixF one = inputs.row(static_cast<Eigen::Index>(k));
        scorer.score(one, logits);
        benchmark::DoNotOptimize(logits.data());
      });
      timed(2, [&](std::size_t k) {
        recommend(*site().policy, alone[k], Rng(1), pages, &propensities);
        benchmark::DoNotOptimize(pages.module.data());
      });
    }
    state.counters["scoring_times_torch"] = seconds[0] / seconds[1];
    state.counters["ranking_times_torch"] = seconds[0] / seconds[2];
    const auto n = static_cast<double>(state.iterations()) * static_cast<double>(alone.size());
    state.counters["scoring_us"] = 1e6 * seconds[1].count() / n;
    state.counters["torch_us"] = 1e6 * seconds[0].count() / n;
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}
BENCHMARK(times_torch_once_a_request);

}  // namespace

}  // namespace rehearsal
