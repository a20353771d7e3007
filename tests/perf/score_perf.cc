#include <benchmark/benchmark.h>

#include "policies/module_scorer.h"
#include "sim/core/error.h"

// Scoring ten modules a page with a 64-32 network: in Eigen, beside its bound (the bare matrix
// products of the same shapes), and in libtorch a batch at a time.
namespace rehearsal {

namespace {

constexpr Eigen::Index kPages = 4096;
constexpr Eigen::Index kInputs = 22;

ModuleNetworkSpec network_spec() {
  ModuleNetworkSpec spec;
  spec.n_inputs = kInputs;
  spec.n_modules = 10;
  spec.hidden = {64, 32};
  spec.purchase = true;
  return spec;
}

Array wavy(std::vector<std::size_t> shape) {
  std::size_t n = 1;
  for (const std::size_t side : shape) n *= side;
  Array array{std::move(shape), std::vector<double>(n)};
  for (std::size_t i = 0; i < n; ++i)
    array.values[i] = 0.2 * std::sin(0.7 * static_cast<double>(i));
  return array;
}

Arrays network_weights() {
  return {{"trunk.0.weight", wavy({64, 22})},  {"trunk.0.bias", wavy({64})},
          {"trunk.1.weight", wavy({32, 64})},  {"trunk.1.bias", wavy({32})},
          {"click.weight", wavy({10, 32})},    {"click.bias", wavy({10})},
          {"purchase.weight", wavy({10, 32})}, {"purchase.bias", wavy({10})}};
}

RowMatrixF pages(Eigen::Index n) {
  RowMatrixF x(n, kInputs);
  for (Eigen::Index i = 0; i < x.size(); ++i)
    x.data()[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i)));
  return x;
}

void count_pages(benchmark::State& state, Eigen::Index n) {
  state.counters["pages/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * n), benchmark::Counter::kIsRate);
}

void eigen_scorer(benchmark::State& state) {
  const ModuleScorer scorer(network_spec(), network_weights());
  const auto n = static_cast<Eigen::Index>(state.range(0));
  const RowMatrixF x = pages(n);
  RowMatrixF logits;
  for (auto _ : state) {
    scorer.score(x, logits);
    benchmark::DoNotOptimize(logits.data());
  }
  count_pages(state, n);
}
BENCHMARK(eigen_scorer)->Arg(1)->Arg(64)->Arg(kPages);

void bound_bare_matrix_products(benchmark::State& state) {
  using Columns = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic>;
  const Columns x = Columns::Random(kInputs, ModuleScorer::kBlock);
  const Columns first = Columns::Random(64, kInputs);
  const Columns second = Columns::Random(32, 64);
  const Columns heads = Columns::Random(20, 32);
  Columns h1(64, ModuleScorer::kBlock);
  Columns h2(32, ModuleScorer::kBlock);
  Columns out(20, ModuleScorer::kBlock);
  for (auto _ : state) {
    h1.noalias() = first * x;
    h2.noalias() = second * h1;
    out.noalias() = heads * h2;
    benchmark::DoNotOptimize(out.data());
  }
  count_pages(state, ModuleScorer::kBlock);
}
BENCHMARK(bound_bare_matrix_products);

/// Each call turns the weights into tensors first, which a batch of this size hides.
void torch_batch(benchmark::State& state) {
  try {
    Trainer& trainer = load_trainer();
    const Arrays weights = network_weights();
    const RowMatrixF x = pages(kPages);
    for (auto _ : state) benchmark::DoNotOptimize(trainer.score(network_spec(), weights, x).data());
    count_pages(state, kPages);
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}
BENCHMARK(torch_batch);

}  // namespace

}  // namespace rehearsal
