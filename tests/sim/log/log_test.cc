#include "sim/log/log.h"

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "sim/core/error.h"
#include "tests/catch.h"
#include "tests/sim/log/sample_log.h"
#include "tests/support/temporary_folder.h"

using namespace rehearsal;
using namespace rehearsal::testing;
namespace fs = std::filesystem;

namespace {

/// Every column of two batches is the same.
template <class Batch>
void check_same_columns(const Batch& found, const Batch& expected) {
  std::vector<std::pair<std::string, const void*>> columns;
  Batch::visit(expected, [&](const char* name, Level, std::size_t, const auto& column,
                             const char*) { columns.emplace_back(name, &column); });
  std::size_t next = 0;
  Batch::visit(found, [&](const char*, Level, std::size_t, const auto& column, const char*) {
    using Column = std::remove_cvref_t<decltype(column)>;
    INFO(columns[next].first);
    CHECK(column == *static_cast<const Column*>(columns[next++].second));
  });
}

void check_same(const LogBatch& found, const LogBatch& expected) {
  check_same_columns(found.requests, expected.requests);
  check_same_columns(found.pages, expected.pages);
  check_same_columns(found.propensities, expected.propensities);
  check_same_columns(found.responses, expected.responses);
  CHECK(found.requests.module_offsets == expected.requests.module_offsets);
  CHECK(found.requests.candidate_offsets == expected.requests.candidate_offsets);
  CHECK(found.pages.slot_offsets == expected.pages.slot_offsets);
  CHECK(found.pages.item_offsets == expected.pages.item_offsets);
}

/// Runs `body`, which must throw an Error of this kind whose message has each of `parts`.
template <class Body>
void check_error(ErrorKind kind, const std::vector<std::string>& parts, Body&& body) {
  try {
    body();
    FAIL("no error");
  } catch (const Error& error) {
    INFO(error.what());
    CHECK(error.kind() == kind);
    for (const std::string& part : parts)
      CHECK(std::string(error.what()).find(part) != std::string::npos);
  }
}

void overwrite(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

const Columns kAll{true, true, true, true};

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("every column of a log comes back as it was written", "[log]") {
  const TemporaryFolder folder;
  const int deflate = GENERATE(0, 1);
  const LogInfo written = write_sample_log(fs::path(folder.path()) / "log", {deflate});
  const LogReader reader(fs::path(folder.path()) / "log");
  REQUIRE(reader.n_shards() == 2);
  for (std::size_t shard = 0; shard < 2; ++shard) {
    TruthBatch truth;
    const LogBatch expected = sample_batch(shard == 0 ? 0 : 40, shard == 0 ? 40 : 60, &truth);
    check_same(reader.read(shard, kAll), expected);
    const TruthBatch found = read_truth(reader, shard);
    CHECK(found.n_latents == 2);
    check_same_columns(found, truth);
  }
  CHECK(written.n_rounds == 100);
  CHECK(reader.info().n_rounds == 100);
  CHECK(reader.info().n_impressions == written.n_impressions);
  CHECK(reader.info().shards[1].first_user == 40);
  CHECK(reader.info().scenario == sample_info().scenario);
  CHECK(reader.info().behavior_components == sample_info().behavior_components);
  CHECK(reader.info().seed == 42);
}

TEST_CASE("a log holds its schema", "[log]") {
  const TemporaryFolder folder;
  write_sample_log(fs::path(folder.path()) / "log");
  const Schema expected = sample_schema();
  const LogReader reader(fs::path(folder.path()) / "log");
  const Schema& found = reader.schema();
  REQUIRE(found.n_features() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(found.features[i].name == expected.features[i].name);
    CHECK(found.features[i].levels == expected.features[i].levels);
    CHECK(found.features[i].help == expected.features[i].help);
  }
  CHECK(found.modules == expected.modules);
  CHECK(found.curated_order == expected.curated_order);
  CHECK(found.item_features == expected.item_features);
  CHECK(found.candidate_features == expected.candidate_features);
  CHECK(found.n_slots == 2);
  CHECK(found.n_items == 7);
  CHECK(found.items == expected.items);
}

TEST_CASE("a reader fills only the columns that are asked for", "[log]") {
  const TemporaryFolder folder;
  write_sample_log(fs::path(folder.path()) / "log");
  const LogReader reader(fs::path(folder.path()) / "log");
  const LogBatch expected = sample_batch(0, 40);
  const LogBatch plain = reader.read(0, Columns{});
  CHECK(plain.requests.module == expected.requests.module);
  CHECK(plain.requests.candidate.empty());
  CHECK(plain.requests.candidate_offsets == Offsets{0});
  CHECK(plain.pages.item.empty());
  CHECK(plain.propensities.pscore == expected.propensities.pscore);
  CHECK(plain.responses.click == expected.responses.click);
  CHECK(plain.responses.impression.empty());
  const LogBatch bare = reader.read(0, Columns{false, false, false, false});
  CHECK(bare.requests.context == expected.requests.context);
  CHECK(bare.propensities.pscore.empty());
  CHECK(bare.responses.click.empty());
  CHECK(reader.read(0, Columns{true, false, false, false}).requests.candidate_offsets ==
        expected.requests.candidate_offsets);
}

TEST_CASE("columns that are not recorded stay empty", "[log]") {
  const TemporaryFolder folder;
  LogBatch batch = sample_batch(0, 10);
  batch.requests.candidate.clear();
  batch.requests.candidate_context.clear();
  batch.requests.candidate_offsets = {0};
  batch.responses.revenue.clear();
  LogWriter writer(fs::path(folder.path()) / "log", sample_schema(), sample_info());
  writer.write_shard(0, 0, 10, batch, nullptr);
  writer.finish();
  const LogReader reader(fs::path(folder.path()) / "log");
  check_same(reader.read(0, kAll), batch);
  CHECK(read_truth(reader, 0).p_click.empty());
}

TEST_CASE("a shard of no rounds and a log of no shards can be read", "[log]") {
  const TemporaryFolder folder;
  {
    LogWriter writer(fs::path(folder.path()) / "log", sample_schema(), sample_info());
    LogBatch empty;
    empty.requests.n_features = 3;
    empty.requests.n_candidate_features = 2;
    writer.write_shard(0, 0, 5, empty, nullptr);
    writer.write_shard(1, 5, 5, sample_batch(5, 5), nullptr);
    writer.finish();
    LogWriter(fs::path(folder.path()) / "none", sample_schema(), sample_info()).finish();
  }
  const LogReader reader(fs::path(folder.path()) / "log");
  CHECK(reader.read(0, kAll).size() == 0);
  CHECK(reader.read(0, kAll).pages.size() == 0);
  check_same(reader.read(1, kAll), sample_batch(5, 5));
  CHECK(reader.info().n_rounds == 5);
  CHECK(LogReader(fs::path(folder.path()) / "none").n_shards() == 0);
}

TEST_CASE("the same content gives the same bytes, file by file", "[log]") {
  const TemporaryFolder folder;
  const auto write = [&](const char* name) {
    write_sample_log(fs::path(folder.path()) / name);
    save_arrays(fs::path(folder.path()) / name / "state.h5", {{"layer/0/bias", {{2}, {1, 2}}}});
  };
  write("a");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // HDF5's times count seconds
  write("b");
  const std::vector<std::string> names = names_in(fs::path(folder.path()) / "a");
  CHECK(names == std::vector<std::string>{"catalogue.h5", "log.h5", "manifest.json",
                                          "shard_00000.h5", "shard_00001.h5", "state.h5"});
  CHECK(names == names_in(fs::path(folder.path()) / "b"));
  for (const std::string& name : names) {
    INFO(name);
    CHECK(read_text(fs::path(folder.path()) / "a" / name) ==
          read_text(fs::path(folder.path()) / "b" / name));
  }
}

TEST_CASE("log.h5 presents all shards as one", "[log]") {
  const TemporaryFolder folder;
  write_sample_log(fs::path(folder.path()) / "log");
  const std::string file = (fs::path(folder.path()) / "log" / "log.h5").string();
  const Array user = load_dataset(file + ":/observed/user");
  REQUIRE(user.shape == std::vector<std::size_t>{100});
  for (std::size_t i = 0; i < 100; ++i) CHECK(user.values[i] == static_cast<double>(i));
  const Array context = load_dataset(file + ":observed/context");
  REQUIRE(context.shape == std::vector<std::size_t>{100, 3});
  CHECK(context.values[3 * 99 + 1] == 0.25 * 99);
  const LogBatch second = sample_batch(40, 60);
  const Array click = load_dataset(file + ":/truth/p_click");
  CHECK(click.shape[0] == sample_batch(0, 40).pages.module.size() + second.pages.module.size());
}

TEST_CASE("a log is found by its folder, its log.h5, its manifest or its run folder", "[log]") {
  const TemporaryFolder folder;
  write_sample_log(fs::path(folder.path()) / "log");
  for (const char* path : {"log", "log/log.h5", "log/manifest.json", ""}) {
    INFO(path);
    CHECK(LogReader(fs::path(folder.path()) / path).info().n_rounds == 100);
  }
  check_error(ErrorKind::kInput, {"nowhere", "no such log"},
              [&] { LogReader(fs::path(folder.path()) / "nowhere"); });
  fs::create_directory(fs::path(folder.path()) / "bare");
  check_error(ErrorKind::kInput, {"bare", "manifest.json"},
              [&] { LogReader(fs::path(folder.path()) / "bare"); });
}

TEST_CASE("a missing, cut, grown or changed file is named, never read", "[log]") {
  const TemporaryFolder folder;
  write_sample_log(fs::path(folder.path()) / "log");
  const std::string name = GENERATE("shard_00001.h5", "catalogue.h5");
  const fs::path file = fs::path(folder.path()) / "log" / name;
  const std::string whole = read_text(file);
  const auto read_all = [&] {
    const LogReader reader(fs::path(folder.path()) / "log");
    for (std::size_t shard = 0; shard < 2; ++shard) reader.read(shard, kAll);
  };
  overwrite(file, whole.substr(0, whole.size() - 1));
  check_error(ErrorKind::kInput, {name, "cut"}, read_all);
  overwrite(file, whole + '\0');
  check_error(ErrorKind::kInput, {name, "grown"}, read_all);
  for (std::size_t at = 0; at < whole.size(); at += whole.size() / 37 + 1) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    overwrite(file, flipped);
    check_error(ErrorKind::kInput, {name, "damaged"}, read_all);
  }
  overwrite(file, whole);
  read_all();
  fs::remove(file);
  check_error(ErrorKind::kInput, {name, "No such file"}, read_all);
}

TEST_CASE("a manifest that is cut or does not add up is refused", "[log]") {
  const TemporaryFolder folder;
  write_sample_log(fs::path(folder.path()) / "log");
  const fs::path file = fs::path(folder.path()) / "log" / "manifest.json";
  const std::string whole = read_text(file);
  overwrite(file, whole.substr(0, whole.size() / 2));
  check_error(ErrorKind::kInput, {"manifest.json"},
              [&] { LogReader(fs::path(folder.path()) / "log"); });
  std::string changed = whole;
  changed.replace(changed.find("\"n_rounds\": 100"), 15, "\"n_rounds\": 101");
  overwrite(file, changed);
  check_error(ErrorKind::kInput, {"manifest.json", "101", "100"},
              [&] { LogReader(fs::path(folder.path()) / "log"); });
}

TEST_CASE("the writer refuses propensities that are not above 0 or are above 1", "[log]") {
  const TemporaryFolder folder;
  const double bad = GENERATE(0.0, -0.1, 1.001, std::nan(""));
  LogWriter writer(fs::path(folder.path()) / "log", sample_schema(), sample_info());
  LogBatch batch = sample_batch(0, 10);
  batch.propensities.pscore[3] = bad;
  check_error(ErrorKind::kInput, {"shard_00000.h5", "pscore[3]", "(0, 1]"},
              [&] { writer.write_shard(0, 0, 10, batch, nullptr); });
  batch = sample_batch(0, 10);
  batch.propensities.pscore_item_position[2] = bad;
  check_error(ErrorKind::kInput, {"pscore_item_position[2]"},
              [&] { writer.write_shard(0, 0, 10, batch, nullptr); });
  batch = sample_batch(0, 10);
  batch.propensities.pscore.clear();
  check_error(ErrorKind::kInput, {"pscore"}, [&] { writer.write_shard(0, 0, 10, batch, nullptr); });
  CHECK(names_in(fs::path(folder.path()) / "log").empty());
}

TEST_CASE("the writer refuses rounds out of order or of another shard's users", "[log]") {
  const TemporaryFolder folder;
  LogWriter writer(fs::path(folder.path()) / "log", sample_schema(), sample_info());
  check_error(ErrorKind::kInput, {"user 9"},
              [&] { writer.write_shard(0, 0, 9, sample_batch(0, 10), nullptr); });
  LogBatch batch = sample_batch(0, 10);
  std::swap(batch.requests.user[4], batch.requests.user[5]);
  check_error(ErrorKind::kInput, {"order"}, [&] { writer.write_shard(0, 0, 10, batch, nullptr); });
}

TEST_CASE("a folder is not a log before it is finished, and a log is not overwritten", "[log]") {
  const TemporaryFolder folder;
  {
    LogWriter writer(fs::path(folder.path()) / "log", sample_schema(), sample_info());
    writer.write_shard(7, 0, 10, sample_batch(0, 10), nullptr);
  }
  check_error(ErrorKind::kInput, {"finished"}, [&] { LogReader(fs::path(folder.path()) / "log"); });
  write_sample_log(fs::path(folder.path()) / "log");
  CHECK_FALSE(fs::exists(fs::path(folder.path()) / "log" / "shard_00007.h5"));
  check_error(ErrorKind::kInput, {"holds a log already"},
              [&] { LogWriter(fs::path(folder.path()) / "log", sample_schema(), sample_info()); });
  check_error(ErrorKind::kRuntime, {"cannot create"}, [&] {
    LogWriter(fs::path(folder.path()) / "no" / "parent", sample_schema(), sample_info());
  });
}

TEST_CASE("a write beyond the file size limit is a run-time error that leaves nothing", "[log]") {
  const TemporaryFolder folder;
  LogWriter writer(fs::path(folder.path()) / "log", sample_schema(), sample_info());
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  std::string message;
  try {
    writer.write_shard(0, 0, 40, sample_batch(0, 40), nullptr);
  } catch (const Error& error) {
    message = error.what();
    if (error.kind() != ErrorKind::kRuntime) message = "another kind of error";
  }
  setrlimit(RLIMIT_FSIZE, &before);
  INFO(message);
  CHECK(message.find("shard_00000.h5: cannot write: File too large") != std::string::npos);
  CHECK(names_in(fs::path(folder.path()) / "log").empty());
  writer.write_shard(0, 0, 40, sample_batch(0, 40), nullptr);
  writer.finish();
  check_same(LogReader(fs::path(folder.path()) / "log").read(0, kAll), sample_batch(0, 40));
}

TEST_CASE("a full disk is a run-time error that names the file", "[log]") {
  if (!fs::exists("/dev/full")) {
    WARN("skipped: no /dev/full here");
    return;
  }
  const TemporaryFolder folder;
  fs::create_symlink("/dev/full", fs::path(folder.path()) / "state.h5.part");
  check_error(ErrorKind::kRuntime, {"state.h5: cannot write: No space left"}, [&] {
    save_arrays(fs::path(folder.path()) / "state.h5", {{"x", {{1}, {1.0}}}});
  });
  CHECK(names_in(folder.path()).empty());
}

TEST_CASE("arrays come back as they were saved", "[log]") {
  const TemporaryFolder folder;
  const Arrays arrays{{"weights", {{2, 3}, {1, 2, 3, 4, 5, 1.0 / 3}}},
                      {"scalar", {{}, {-7}}},
                      {"empty", {{0, 4}, {}}},
                      {"layer/0/bias", {{1}, {1e-300}}}};
  save_arrays(fs::path(folder.path()) / "state.h5", arrays);
  const Arrays found = load_arrays(fs::path(folder.path()) / "state.h5");
  REQUIRE(found.size() == arrays.size());
  for (const auto& [name, array] : arrays) {
    INFO(name);
    CHECK(found.at(name).shape == array.shape);
    CHECK(found.at(name).values == array.values);
  }
  const std::string file = (fs::path(folder.path()) / "state.h5").string();
  CHECK(load_dataset(file + ":weights").values == arrays.at("weights").values);
  check_error(ErrorKind::kInput, {"state.h5", "wieghts", "weights"},
              [&] { load_dataset(file + ":wieghts"); });
  check_error(ErrorKind::kInput, {"expected FILE.h5:DATASET"}, [&] { load_dataset("weights"); });
  check_error(ErrorKind::kInput, {"gone.h5", "no such file"},
              [&] { load_arrays(fs::path(folder.path()) / "gone.h5"); });
  const std::string whole = read_text(file);
  overwrite(file, whole.substr(0, whole.size() - 1));
  check_error(ErrorKind::kInput, {"state.h5"}, [&] { load_arrays(file); });
  overwrite(file, "not HDF5");
  check_error(ErrorKind::kInput, {"state.h5"}, [&] { load_arrays(file); });
}

TEST_CASE("text is written whole and read back", "[log]") {
  const TemporaryFolder folder;
  const std::string text("a\0b\n", 4);
  write_text_atomically(fs::path(folder.path()) / "x.txt", text);
  write_text_atomically(fs::path(folder.path()) / "empty.txt", "");
  CHECK(read_text(fs::path(folder.path()) / "x.txt") == text);
  CHECK(read_text(fs::path(folder.path()) / "empty.txt").empty());
  check_error(ErrorKind::kInput, {"gone.txt", "No such file"},
              [&] { read_text(fs::path(folder.path()) / "gone.txt"); });
  check_error(ErrorKind::kInput, {"folder"}, [&] { read_text(folder.path()); });
  check_error(ErrorKind::kRuntime, {"none/x.txt"},
              [&] { write_text_atomically(fs::path(folder.path()) / "none" / "x.txt", text); });
}
