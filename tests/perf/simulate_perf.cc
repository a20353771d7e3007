#include <benchmark/benchmark.h>

#include <cmath>
#include <ctime>

#include "policies/policies.h"
#include "tests/item_page_fixture.h"

using namespace rehearsal;

namespace {

constexpr std::uint32_t kPages = 1024;  // a batch

struct Setting {
  Setting() {
    const YAML::Node defaults = YAML::Load("{}");
    policy = policies().at("static_order").make(PluginConfig{defaults, {"policy", ""}}, context);
  }

  ItemPage page{"{}", "{}", 1};
  Rng rng{1};
  PolicyContext context{page.world->schema(), rng, nullptr, {}};
  std::unique_ptr<Policy> policy;
};

std::vector<Turn> batch_of_turns(std::uint32_t batch) {
  std::vector<Turn> turns;
  for (std::uint32_t i = 0; i < kPages; ++i)
    turns.push_back({UserId{(batch * kPages + i) % 200000}, 0, static_cast<std::uint16_t>(batch)});
  return turns;
}

/// Requests, pages of the curated order with their propensities, responses with their truth.
struct Simulation {
  explicit Simulation(const Setting& s) : setting(s) {}

  void run(const std::vector<Turn>& turns) {
    setting.page.world->requests(turns, setting.rng, requests);
    recommend(*setting.policy, requests, setting.rng, pages, &propensities);
    setting.page.users->respond(requests, pages, setting.rng, responses, &truth);
    benchmark::DoNotOptimize(responses.click.data());
    benchmark::ClobberMemory();
  }

  const Setting& setting;
  RequestBatch requests;
  PageBatch pages;
  Propensities propensities;
  ResponseBatch responses;
  TruthBatch truth;
};

/// The floor: the same blocks of random numbers, in bulk, and the same dot products and logistics.
struct Bare {
  explicit Bare(const Setting& s) : setting(s) {
    const Arrays& hidden = s.page.world->parameters();
    for (std::size_t j = 0; j < 80; ++j)
      weights.push_back(
          {hidden.at("click_weights").values[j], hidden.at("purchase_weights").values[j]});
  }

  /// Args: requests, pages: of the simulation, for their hidden features and sizes.
  void run(const std::vector<Turn>& turns, const RequestBatch& requests, const PageBatch& pages) {
    // A block for the session, one for the request, three for eligibility; two for each eligible
    // module; one for each shown module.
    constexpr std::size_t kChunk = 64;
    for (std::size_t first = 0; first < turns.size(); first += kChunk) {
      const std::span chunk = std::span(turns).subspan(first, kChunk);
      draw(chunk, 5);
      const std::span eligible(requests.module_offsets.data() + first, kChunk + 1);
      for (std::uint32_t block = 0; block < 2; ++block)
        draw(Draw::kRequest, chunk, 16 * block, eligible, requests.module);
      const std::span shown(pages.slot_offsets.data() + first, kChunk + 1);
      draw(Draw::kResponse, chunk, 1, shown, pages.module);
    }
    for (std::size_t i = 0; i < turns.size(); ++i) {
      const float* x = requests.latents->request.data() + 8 * i;
      for (const std::uint16_t m : pages.shown(i)) {
        double click = -3.3;
        double purchase = -3;
        for (std::size_t d = 0; d < 8; ++d) {
          click += weights[8 * m + d][0] * x[d];
          purchase += weights[8 * m + d][1] * x[d];
        }
        logistics += 1 / (1 + std::exp(-click)) + 1 / (1 + std::exp(-purchase));
      }
    }
    benchmark::DoNotOptimize(logistics);
  }

  void draw(std::span<const Turn> turns, std::uint32_t n_items) {
    words.resize(4 * n_items * turns.size());
    setting.rng.fill(Draw::kRequest, turns, 0, n_items, words);
    benchmark::DoNotOptimize(words.data());
  }

  void draw(Draw purpose, std::span<const Turn> turns, std::uint32_t first_item,
            std::span<const std::uint32_t> offsets, std::span<const std::uint16_t> ids) {
    words.resize(4 * std::size_t{offsets.back() - offsets.front()});
    setting.rng.fill(purpose, turns, first_item, offsets, ids, words);
    benchmark::DoNotOptimize(words.data());
  }

  const Setting& setting;
  std::vector<std::array<double, 2>> weights;
  std::vector<std::uint32_t> words;
  double logistics = 0;
};

/// One core. Simulation and floor take turns, batch by batch, so that both meet the same machine;
/// processor time, so that what else runs there is not counted.
void simulate_pages(benchmark::State& state) {
  const Setting setting;
  Simulation simulation(setting);
  Bare bare(setting);
  std::clock_t simulated = 0;
  std::clock_t floor = 0;
  std::uint32_t batch = 0;
  for (auto _ : state) {
    const std::vector<Turn> turns = batch_of_turns(batch++ % 50000);
    const std::clock_t start = std::clock();
    simulation.run(turns);
    const std::clock_t middle = std::clock();
    bare.run(turns, simulation.requests, simulation.pages);
    floor += std::clock() - middle;
    simulated += middle - start;
    state.SetIterationTime(static_cast<double>(middle - start) / CLOCKS_PER_SEC);
  }
  const double n = static_cast<double>(state.iterations()) * kPages * CLOCKS_PER_SEC;
  state.counters["pages_per_second"] = n / static_cast<double>(simulated);
  state.counters["bare_pages_per_second"] = n / static_cast<double>(floor);
  state.counters["share_of_bare"] = static_cast<double>(floor) / static_cast<double>(simulated);
}

}  // namespace

BENCHMARK(simulate_pages)->UseManualTime()->MinTime(2);
