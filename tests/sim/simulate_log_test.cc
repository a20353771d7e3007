#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "sim/core/error.h"
#include "sim/engine/parallel.h"
#include "tests/catch.h"
#include "tests/engine_fixture.h"
#include "tests/item_page_fixture.h"

using namespace rehearsal;

namespace {

namespace fs = std::filesystem;

/// A folder of this test's own, removed at its end.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(fs::temp_directory_path() / ("rehearsal_log_" + std::to_string(getpid()))) {
    fs::remove_all(path_);
    fs::create_directory(path_);
  }
  ~ScratchFolder() { fs::remove_all(path_); }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// Every file of a folder with its bytes.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    files[fs::relative(entry.path(), folder).string()] =
        std::string(std::istreambuf_iterator<char>(in), {});
  }
  return files;
}

LogInfo write_log(const ItemPage& page, const fs::path& folder, int threads,
                  std::size_t batch_rounds, std::uint64_t n_rounds = 1300) {
  SimulateOptions options;
  options.n_rounds = n_rounds;
  options.shard_rounds = 400;
  options.batch_rounds = batch_rounds;
  options.threads = threads;
  LogInfo info;
  info.name = "test";
  info.behavior_policy = "random";
  return simulate_log(*page.world, *page.users, RandomOrder(), Rng(9), options, folder, info);
}

}  // namespace

TEST_CASE("a log has the same bytes for any number of threads and any batch size") {
  const ItemPage page;
  const ScratchFolder scratch;
  write_log(page, scratch / "one", 1, 1024);
  const auto one = files_of(scratch / "one");
  CHECK(one.size() >= 5);
  const std::vector<std::pair<int, std::size_t>> others{{2, 1024}, {3, 17}, {1, 1}};
  for (const auto& [threads, batch_rounds] : others) {
    const std::string name = std::to_string(threads) + "_" + std::to_string(batch_rounds);
    write_log(page, scratch / name, threads, batch_rounds);
    CHECK((files_of(scratch / name) == one));
  }
}

TEST_CASE("a log holds what was played, ordered by user, session and round, truth beside it") {
  const ItemPage page;
  const ScratchFolder scratch;
  const LogInfo info = write_log(page, scratch / "log", 2, 100);
  CHECK(info.n_rounds == 1300);
  std::map<std::uint64_t, std::string> played;
  const auto key = [](const RequestBatch& requests, std::size_t i) {
    return std::uint64_t{requests.user[i]} << 32 | std::uint64_t{requests.session[i]} << 16 |
           requests.round[i];
  };
  play(*page.world, *page.users, RandomOrder(), Rng(9), 0, 500, {1300, 500}, 0, 64, true,
       [&](Played& p, TruthBatch& truth) {
         for (std::uint32_t i = 0; i < p.requests.size(); ++i)
           played[key(p.requests, i)] = bytes_of(gather(p.requests, std::vector{i})) +
                                        bytes_of(gather(p.pages, std::vector{i})) +
                                        bytes_of(gather(p.propensities, p.pages, std::vector{i})) +
                                        bytes_of(gather(p.responses, p.pages, std::vector{i})) +
                                        bytes_of(gather(truth, p.pages, std::vector{i}));
       });
  const LogReader reader(scratch / "log");
  std::uint64_t last = 0;
  std::size_t n = 0;
  for (std::size_t shard = 0; shard < reader.n_shards(); ++shard) {
    const LogBatch log = reader.read(shard, {true, true, true, true});
    const TruthBatch truth = read_truth(reader, shard);
    for (std::uint32_t i = 0; i < log.size(); ++i, ++n) {
      const std::uint64_t at = key(log.requests, i);
      REQUIRE((n == 0 || at > last));
      last = at;
      REQUIRE(played.at(at) == bytes_of(gather(log.requests, std::vector{i})) +
                                   bytes_of(gather(log.pages, std::vector{i})) +
                                   bytes_of(gather(log.propensities, log.pages, std::vector{i})) +
                                   bytes_of(gather(log.responses, log.pages, std::vector{i})) +
                                   bytes_of(gather(truth, log.pages, std::vector{i})));
    }
  }
  CHECK(n == 1300);
}

TEST_CASE("an interrupted simulation leaves no log behind that could be taken for a whole one") {
  const ItemPage page;
  const ScratchFolder scratch;
  request_interrupt();
  CHECK_THROWS_AS(write_log(page, scratch / "log", 2, 64), Error);
  clear_interrupt();
  CHECK_THROWS_AS(LogReader(scratch / "log"), Error);
}

TEST_CASE("fewer rounds than users make a log of the first users") {
  const ItemPage page;
  const ScratchFolder scratch;
  const LogInfo info = write_log(page, scratch / "log", 2, 64, 120);
  CHECK(info.n_rounds == 120);
  const LogReader reader(scratch / "log");
  std::vector<std::uint32_t> users;
  for (std::size_t shard = 0; shard < reader.n_shards(); ++shard)
    for (const std::uint32_t user : reader.read(shard, {}).requests.user) users.push_back(user);
  CHECK(users.size() == 120);
  CHECK(users.front() == 0);
  CHECK(users.back() == 119);
}
