#include <benchmark/benchmark.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "policies/policies.h"
#include "sim/log/files.h"
#include "sim/log/log.h"
#include "tests/item_page_fixture.h"

using namespace rehearsal;

namespace {

constexpr std::uint32_t kRounds = 65536;  // a shard of a large log

/// One shard of item pages, the folder it is written to, and its file's bytes.
struct Shard {
  Shard() {
    const YAML::Node defaults = YAML::Load("{}");
    const PolicyContext context{page.world->schema(), rng, nullptr, {}};
    const auto policy =
        policies().at("static_order").make(PluginConfig{defaults, {"policy", ""}}, context);
    page.world->requests(turns_of(kRounds), rng, batch.requests);
    recommend(*policy, batch.requests, rng, batch.pages, &batch.propensities);
    page.users->respond(batch.requests, batch.pages, rng, batch.responses, &truth);
    folder = std::filesystem::temp_directory_path() / "rehearsal_log_perf";
    write();
    const std::string text = read_text(file());
    bytes.assign(text.begin(), text.end());
  }
  ~Shard() { std::filesystem::remove_all(folder); }

  void write() const {
    std::filesystem::remove_all(folder);
    LogWriter writer(folder, page.world->schema(), {});
    writer.write_shard(0, 0, kRounds, batch, &truth);
    writer.finish();
  }
  std::filesystem::path file() const {
    return folder / LogReader(folder).info().shards.front().file;
  }

  ItemPage page{"{users: 65536}", "{}", 1};
  Rng rng{1};
  LogBatch batch;
  TruthBatch truth;
  std::filesystem::path folder;
  std::vector<char> bytes;
};

const Shard& shard() {
  static const Shard once;
  return once;
}

void set_rates(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * kRounds);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(shard().bytes.size()));
}

/// The bound in memory: the file's bytes copied once.
void copy_bytes(benchmark::State& state) {
  const std::vector<char>& from = shard().bytes;
  std::vector<char> to(from.size());
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::ClobberMemory();
  }
  set_rates(state);
}
BENCHMARK(copy_bytes)->Unit(benchmark::kMillisecond);

/// The bound on disk: the same bytes as a plain file, synced and renamed.
void write_plain_file(benchmark::State& state) {
  const std::filesystem::path plain = shard().folder / "plain";
  for (auto _ : state) write_bytes_atomically(plain, shard().bytes);
  std::filesystem::remove(plain);
  set_rates(state);
}
BENCHMARK(write_plain_file)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A log of one shard: columns to HDF5 in memory, checksums, the file, the manifest.
void write_log(benchmark::State& state) {
  shard();
  for (auto _ : state) shard().write();
  set_rates(state);
}
BENCHMARK(write_log)->Unit(benchmark::kMillisecond)->UseRealTime();

/// The bound of reading: the file's bytes, from the page cache.
void read_plain_file(benchmark::State& state) {
  const std::filesystem::path file = shard().file();
  std::vector<char> bytes(shard().bytes.size());
  for (auto _ : state) {
    std::ifstream(file, std::ios::binary)
        .read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    benchmark::ClobberMemory();
  }
  set_rates(state);
}
BENCHMARK(read_plain_file)->Unit(benchmark::kMillisecond)->UseRealTime();

/// Opens the log, compares the checksum, reads every observed column. Bytes are the file's, which
/// holds the truth too.
void read_log(benchmark::State& state) {
  shard();
  Columns all;
  all.candidates = all.items = true;
  for (auto _ : state) {
    const LogBatch batch = LogReader(shard().folder).read(0, all);
    benchmark::DoNotOptimize(batch.requests.user.data());
  }
  set_rates(state);
}
BENCHMARK(read_log)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
