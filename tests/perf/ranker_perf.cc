#include <benchmark/benchmark.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "policies/multi_task_ranker.h"
#include "policies/policies.h"
#include "sim/core/products.h"

// Multi-task rankers of items: a page of 10 modules x 10 items for a student and for teachers of
// 25 and 200 times its products, beside their bound (the bare products of the same shapes); a
// student's training; labels written beside the teacher's forward pass alone.
namespace rehearsal {

namespace {

constexpr std::uint32_t kUsers = 500;
constexpr std::uint32_t kItems = 500;
constexpr std::uint16_t kModules = 10;
constexpr std::uint32_t kPerModule = 10;
constexpr std::size_t kFeatures = 8;

Schema schema() {
  Schema schema;
  for (std::size_t f = 0; f < kFeatures; ++f)
    schema.features.push_back({"x" + std::to_string(f), {}, ""});
  for (std::uint16_t m = 0; m < kModules; ++m) schema.modules.push_back("m" + std::to_string(m));
  schema.curated_order = schema.modules;
  schema.n_slots = kModules;
  schema.n_items = kItems;
  schema.items.resize(kItems, 0);
  return schema;
}

RequestBatch requests(std::uint32_t n, std::uint32_t first) {
  RequestBatch batch;
  batch.n_features = kFeatures;
  for (std::uint32_t i = 0; i < n; ++i) {
    Stream stream = Rng(1).stream(Draw::kRequest, Turn{UserId{first + i}});
    batch.user.push_back((first + i) % kUsers);
    batch.session.push_back(0);
    batch.round.push_back(0);
    batch.n_slots.push_back(kModules);
    for (std::size_t f = 0; f < kFeatures; ++f)
      batch.context.push_back(static_cast<float>(2 * stream.uniform() - 1));
    for (std::uint16_t m = 0; m < kModules; ++m) {
      batch.module.push_back(m);
      const auto from = static_cast<std::uint32_t>(stream.uniform() * kItems);
      for (std::uint32_t c = 0; c < kPerModule; ++c)
        batch.candidate.push_back((from + 37 * c) % kItems);
      batch.candidate_offsets.push_back(static_cast<std::uint32_t>(batch.candidate.size()));
    }
    batch.module_offsets.push_back(static_cast<std::uint32_t>(batch.module.size()));
  }
  return batch;
}

/// Pages of everything as retrieved, with clicks of one item in five.
LogBatch pages(std::uint32_t n, std::uint32_t first) {
  LogBatch batch;
  batch.requests = requests(n, first);
  batch.pages.module = batch.requests.module;
  batch.pages.slot_offsets = batch.requests.module_offsets;
  batch.pages.item = batch.requests.candidate;
  batch.pages.item_offsets = batch.requests.candidate_offsets;
  Stream stream = Rng(2).stream(Draw::kResponse, Turn{UserId{first}});
  for (std::size_t i = 0; i < batch.pages.item.size(); ++i) {
    const bool click = stream.uniform() < 0.2;
    batch.responses.item_click.push_back(click);
    batch.responses.discovery.push_back(click && stream.uniform() < 0.3);
    batch.responses.dwell.push_back(click ? static_cast<float>(100 * stream.uniform()) : 0.0f);
  }
  return batch;
}

struct Size {
  const char* name;
  const char* network;
};
constexpr Size kStudent{"student", "{user_embedding: 6, item_embedding: 6, hidden: [16]}"};
constexpr Size kTeacher{"teacher", "{user_embedding: 32, item_embedding: 32, hidden: [96, 32]}"};
constexpr Size kLarge{"large", "{user_embedding: 64, item_embedding: 64, hidden: [256, 128]}"};

std::shared_ptr<Policy> ranker(const Size& size, const std::string& more = "") {
  static const Schema held = schema();
  std::string inputs;
  for (std::size_t f = 0; f < kFeatures; ++f)
    inputs += (f > 0 ? ", context.x" : "context.x") + std::to_string(f);
  return make_policy(
      YAML::Load("{name: net, type: multi_task_ranker, inputs: [" + inputs +
                 "], tasks: [{name: click, label: item_click}, {name: trail, kind: regression, "
                 "label: dwell, given: item_click, transform: log1p}, {name: discovery, label: "
                 "discovery}], score: {powers: {trail: 1}, bonuses: {discovery: 0.5}}, network: " +
                 size.network + more + "}"),
      {}, {held, Rng(1)});
}

std::shared_ptr<Policy> fitted(const Size& size) {
  static const Schema held = schema();
  static const std::vector<LogBatch> log{pages(200, 0)};
  const std::shared_ptr<Policy> policy = ranker(size, ", train: {epochs: 1}");
  policy->fit({source_of(held, log), Rng(3), size.name});
  return policy;
}

/// A page at a time: mean, and the 50th and 99th of 100.
void page_latency(benchmark::State& state, const Size& size) {
  const std::shared_ptr<Policy> policy = fitted(size);
  std::vector<RequestBatch> waiting;
  for (std::uint32_t i = 0; i < 64; ++i) waiting.push_back(requests(1, 1000 + i));
  std::vector<double> microseconds;
  PageBatch page;
  std::size_t next = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    recommend(*policy, waiting[next++ % waiting.size()], Rng(1), page, nullptr);
    benchmark::DoNotOptimize(page.item.data());
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - start;
    microseconds.push_back(took.count());
  }
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double q) {
    return microseconds[static_cast<std::size_t>(q * static_cast<double>(microseconds.size() - 1))];
  };
  state.counters["p50_us"] = at(0.5);
  state.counters["p99_us"] = at(0.99);
  state.counters["products_an_item"] =
      static_cast<double>(as_multi_task_ranker(*policy, size.name).multiply_adds());
  state.counters["pages/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(page_latency, student, kStudent);
BENCHMARK_CAPTURE(page_latency, teacher, kTeacher);
BENCHMARK_CAPTURE(page_latency, large_teacher, kLarge);

/// Products of the layers of a page of 100 items. Args: widths, from inputs to the last layer.
void bound_bare_products(benchmark::State& state, const std::vector<std::size_t>& widths) {
  constexpr std::size_t kRows = kModules * kPerModule;
  std::vector<std::vector<float>> values, weights;
  for (const std::size_t width : widths) values.emplace_back(kRows * width, 0.5f);
  for (std::size_t l = 0; l + 1 < widths.size(); ++l)
    weights.emplace_back(widths[l] * widths[l + 1], 0.25f);
  for (auto _ : state) {
    for (std::size_t l = 0; l + 1 < widths.size(); ++l)
      multiply({values[l].data(), widths[l], 1}, weights[l].data(), kRows, widths[l], widths[l + 1],
               false, values[l + 1].data());
    benchmark::DoNotOptimize(values.back().data());
  }
  state.counters["pages/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(bound_bare_products, student, std::vector<std::size_t>{20, 16, 3});
BENCHMARK_CAPTURE(bound_bare_products, teacher, std::vector<std::size_t>{72, 96, 32, 3});
BENCHMARK_CAPTURE(bound_bare_products, large_teacher, std::vector<std::size_t>{136, 256, 128, 3});

void train_student(benchmark::State& state) {
  const Schema held = schema();
  const std::vector<LogBatch> log{pages(1000, 0)};
  for (auto _ : state) {
    const std::shared_ptr<Policy> policy = ranker(kStudent, ", train: {epochs: 3}");
    policy->fit({source_of(held, log), Rng(3), "student"});
  }
  state.counters["examples/s"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * 3 * static_cast<double>(log[0].pages.item.size()),
      benchmark::Counter::kIsRate);
}
BENCHMARK(train_student)->Unit(benchmark::kMillisecond);

void count_labels(benchmark::State& state, const std::vector<LogBatch>& log) {
  state.counters["labels/s"] =
      benchmark::Counter(static_cast<double>(state.iterations()) *
                             static_cast<double>(log.size() * log[0].pages.item.size()),
                         benchmark::Counter::kIsRate);
}

std::vector<LogBatch> logged_shards() {
  std::vector<LogBatch> log;
  for (std::uint32_t s = 0; s < 6; ++s) log.push_back(pages(1000, 1000 * s));
  return log;
}

void teacher_labels_written(benchmark::State& state) {
  const Schema held = schema();
  const std::vector<LogBatch> log = logged_shards();
  const std::shared_ptr<Policy> teacher = fitted(kTeacher);
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "rehearsal_ranker_perf";
  for (auto _ : state) {
    std::filesystem::remove_all(folder);
    write_teacher_labels(as_multi_task_ranker(*teacher, "teacher"), "v", source_of(held, log),
                         folder);
  }
  std::filesystem::remove_all(folder);
  count_labels(state, log);
}
BENCHMARK(teacher_labels_written)->Unit(benchmark::kMillisecond)->UseRealTime();

void bound_teacher_forward_pass(benchmark::State& state) {
  const std::vector<LogBatch> log = logged_shards();
  const std::shared_ptr<Policy> teacher = fitted(kTeacher);
  RowMatrixF outputs;
  for (auto _ : state) {
    for (const LogBatch& batch : log) {
      as_multi_task_ranker(*teacher, "teacher").predict(batch, outputs);
      benchmark::DoNotOptimize(outputs.data());
    }
  }
  count_labels(state, log);
}
BENCHMARK(bound_teacher_forward_pass)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace

}  // namespace rehearsal
