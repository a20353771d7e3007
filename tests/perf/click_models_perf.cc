#include <benchmark/benchmark.h>
#include <yaml-cpp/yaml.h>

#include <ctime>

#include "sim/core/rng.h"
#include "users/click_model.h"

using namespace rehearsal;

namespace {

constexpr std::size_t kRows = 10;
constexpr std::size_t kColumns = 15;
constexpr std::size_t kVisible = 5;
constexpr std::uint32_t kPages = 512;  // a batch
constexpr std::size_t kBlocks = 1 + kRows + kRows * kColumns;

const char* const kModel =
    "{row_entry: .7, next_row: .9, visible: 5, swipe: .25, mirror: .5, "
    "fold: {rows: 3, step: 3, probability: .6}}";

/// A page of random attraction, about .07 on average, and the model.
struct Setting {
  Setting() {
    Stream stream = Rng(1).stream(Draw::kWorld, {});
    for (std::size_t j = 0; j < kRows * kColumns; ++j) {
      if (j % kColumns == 0) offsets.push_back(static_cast<std::uint32_t>(j));
      attraction.push_back(.01 + .12 * stream.uniform());
      satisfaction.push_back(stream.uniform());
    }
    offsets.push_back(kRows * kColumns);
    const YAML::Node node = YAML::Load(kModel);
    model = click_models().at("carousel_page").make(PluginConfig{node, {"model", ""}});
  }
  PageCells cells() const { return {offsets, attraction, satisfaction}; }

  std::vector<std::uint32_t> offsets;
  std::vector<double> attraction, satisfaction;
  std::unique_ptr<ClickModel> model;
};

/// Processor time of f, so that what else runs on the machine is not counted.
template <class F>
std::clock_t time_of(F&& f) {
  const std::clock_t start = std::clock();
  f();
  return std::clock() - start;
}

/// The multiply-adds that no way round can spare: three outcomes' probabilities, what they add up
/// to for going on and for leaving, and the mass carried along; swiped columns in two orders.
double bare_columns(const Setting& page, std::size_t first, std::size_t end, double& mass,
                    std::vector<double>& examination) {
  double back = 0;
  for (std::size_t j = first; j < end; ++j) {
    const double click = page.attraction[j];
    const double satisfied = click * page.satisfaction[j];
    examination[j] += mass;
    back += mass * (.15 * (1 - click) + .3 * (click - satisfied) + .1 * satisfied);
    mass *= .8 * (1 - click) + .6 * (click - satisfied) + .1 * satisfied;
  }
  return back;
}

double bare_marginals(const Setting& page, std::vector<double>& examination) {
  double reach = 1;
  for (std::size_t i = 0; i < kRows; ++i) {
    const std::size_t first = kColumns * i;
    double mass = .7 * reach;
    double back = bare_columns(page, first, first + kVisible, mass, examination);
    for (int order = 0; order < 2; ++order) {
      double part = .5 * mass;
      back += bare_columns(page, first + kVisible, first + kColumns, part, examination);
    }
    reach = .9 * (.3 * reach + back);
  }
  return reach;
}

void report(benchmark::State& state, std::clock_t model, std::clock_t floor) {
  const double pages = static_cast<double>(state.iterations()) * kPages;
  state.counters["pages_per_second"] = pages * CLOCKS_PER_SEC / static_cast<double>(model);
  state.counters["bare_pages_per_second"] = pages * CLOCKS_PER_SEC / static_cast<double>(floor);
  state.counters["share_of_bare"] = static_cast<double>(floor) / static_cast<double>(model);
}

/// One core; a page is 10 x 15. Floor: the same multiply-adds, nothing looked up or decided.
void carousel_page_marginals(benchmark::State& state) {
  const Setting page;
  std::vector<double> examination(kRows * kColumns), click(kRows * kColumns);
  std::clock_t modelled = 0, floor = 0;
  for (auto _ : state) {
    modelled += time_of([&] {
      for (std::uint32_t p = 0; p < kPages; ++p) {
        page.model->marginals(page.cells(), examination, click);
        benchmark::DoNotOptimize(click.data());
        benchmark::ClobberMemory();
      }
    });
    floor += time_of([&] {
      for (std::uint32_t p = 0; p < kPages; ++p) {
        benchmark::DoNotOptimize(bare_marginals(page, examination));
        benchmark::ClobberMemory();
      }
    });
  }
  report(state, modelled, floor);
}

/// One core; a page is 10 x 15: all its words drawn, then read, a few rows and columns of it.
/// Floor: the words alone.
void carousel_page_sampling(benchmark::State& state) {
  const Setting page;
  const Rng rng(1);
  std::vector<std::uint32_t> words(4 * kBlocks);
  const std::span<const std::uint32_t> all(words);
  const PageNoise noise{all.first(4), all.subspan(4, 4 * kRows), all.subspan(4 + 4 * kRows)};
  std::vector<std::uint8_t> examined(kRows * kColumns), click(kRows * kColumns),
      satisfied(kRows * kColumns);
  std::uint32_t user = 0;
  std::clock_t modelled = 0, floor = 0;
  for (auto _ : state) {
    modelled += time_of([&] {
      for (std::uint32_t p = 0; p < kPages; ++p) {
        rng.fill(Draw::kResponse, Turn{UserId{user++}, 0, 0}, 0, words);
        page.model->sample(page.cells(), noise, {examined, click, satisfied});
        benchmark::DoNotOptimize(click.data());
        benchmark::ClobberMemory();
      }
    });
    floor += time_of([&] {
      for (std::uint32_t p = 0; p < kPages; ++p) {
        rng.fill(Draw::kResponse, Turn{UserId{user++}, 0, 0}, 0, words);
        benchmark::DoNotOptimize(words.data());
        benchmark::ClobberMemory();
      }
    });
  }
  report(state, modelled, floor);
}

}  // namespace

BENCHMARK(carousel_page_marginals)->Unit(benchmark::kMillisecond);
BENCHMARK(carousel_page_sampling)->Unit(benchmark::kMillisecond);
